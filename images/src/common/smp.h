/* Several CPUs: start them, interrupt them, wait for them. */
#pragma once
#include "guest.h"

unsigned cpus_wanted(void); /* x86: quire.cpus= on the command line; arm64: the device tree */
/* Starts CPUs 1 to n-1, each at entry(id) on its own stack, with interrupts off. */
void start_cpus(unsigned n, void (*entry)(unsigned id));
unsigned cpu_self(void);
void start_errors(unsigned n); /* what starting a CPU twice, or one that is not there, says */

/* Inter-processor interrupts: the handler runs on the CPU that gets one. */
void ipi_init(void (*handler)(unsigned cpu));
void ipi_init_cpu(void);
void ipi_send(unsigned cpu);
void ipi_send_others(void);

void relax(void);
void interrupts_on(void);
void interrupts_off(void);
/* Halts until *word differs from value; interrupts are on meanwhile and off afterwards. */
void idle_while(const volatile u64 *word, u64 value);

/* After a change of the tables: no CPU uses the old translation of va afterwards. x86 must
 * interrupt the others and wait for them, arm64 broadcasts. */
void shoot_down(u64 va, unsigned cpus);

/* One read-modify-write each, so many ways as the architecture has. */
struct adder {
  const char *name;
  void (*add_one)(volatile u64 *counter);
};
bool has_user_atomics(void); /* u_atomic may be used */
unsigned adders(const struct adder **list);
