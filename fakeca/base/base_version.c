#include "base/base_version.h"

const char fc_version[] = FAKECA_VERSION;
