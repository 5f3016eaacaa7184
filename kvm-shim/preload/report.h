/* Messages to the user: each at most once in a process, one line on standard error. */
#ifndef QUIRE_REPORT_H
#define QUIRE_REPORT_H

#include <stdatomic.h>

/* Says it unless `said` tells that it was said before. printf's format, without a newline. Keeps errno. */
void report_once(atomic_flag *said, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
