/* The list of problem texts, as va's tests read it. */
#include "va/lib_texts.c"
