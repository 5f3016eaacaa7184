/**
 * Restoring a machine whose memory comes later: the ways to populate guest memory, handlers of
 * userfaultfd that anyone can write, and the record of what was populated when and by whom.
 *
 * <pre>
 * vCPU --stage-2 fault--> Stage2Mmu --MUST_WAIT--> ParkedVcpus --message--> HandlerThreads --> UffdHandler
 *                            ^                         |  executes              |
 *                            '----- access again ------'  <----- UffdOps -------'
 * </pre>
 */
package dev.quire.emulator.restore;
