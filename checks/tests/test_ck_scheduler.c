/* What crontab, systemctl and docker answer, and what it means. The answers are theirs, as printed by cron 3.0pl1, systemd 252 and
 * docker 20.10. */
#include "cmocka_all.h"

#include "cases/ck_line.h"

static void test_answers(void **state)
{
    static const struct {
        struct ck_line_scheduler_answer answer;
        int expected;
    } rows[] = {
        {{"cron:root", "certbot renew -q", 0, "17 0,12 * * * certbot renew -q\n"}, 1},
        {{"cron:root", "certbot renew -q", 0, "17 0,12 * * * certbot renew\n"}, -1},
        {{"cron:root", "certbot renew -q", 1, "no crontab for root\n"}, -1},
        {{"systemd:certbot.timer", "certbot renew", 0, "enabled\n"}, 1},
        {{"systemd:certbot.timer", "certbot renew", 1, "disabled\n"}, -1},
        {{"systemd:certbot.timer", "certbot renew", 1, "masked\n"}, -1},
        {{"systemd:certbot.timer", "certbot renew", 1,
          "Failed to get unit file state for certbot.timer: No such file or directory\n"},
         -1},
        {{"systemd:certbot.timer", "certbot renew", 1, "Failed to connect to bus: Host is down\n"}, 0},
        {{"container:certbot", "certbot renew", 0, "true\n"}, 1},
        {{"container:certbot", "certbot renew", 0, "false\n"}, -1},
        {{"container:certbot", "certbot renew", 1, "Error: No such object: certbot\n"}, -1},
        {{"container:certbot", "certbot renew", 1,
          "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n"},
         0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char said[200] = "";
        int found = ck_line_scheduler_read(&rows[i].answer, said, sizeof said);
        if (found != rows[i].expected)
            fail_msg("row %zu: %d (%s)", i, found, said);
        assert_true(*said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers)};
    RUN(tests);
}
