package dev.quire.lab.replay;

import dev.quire.kernel.mm.Process;

/** What one operation of a session does. Immutable: what a call remembers is in its execution. */
interface SessionCall {
  /**
   * Begins the call.
   *
   * @param actor the process that runs it
   * @param handle the name in front of the operation, or null if there was none
   */
  Execution on(SessionProcess actor, String handle);

  /** A call that never waits. */
  interface Immediate {
    void run(SessionProcess actor, String handle, Answer answer);
  }

  static SessionCall immediate(Immediate call) {
    return (actor, handle) ->
        new Execution(actor) {
          @Override
          boolean step(Answer answer, long resumed) {
            call.run(actor, handle, answer);
            return true;
          }
        };
  }

  /** One system call: {@link Process#BLOCKED} if it waits. */
  interface SystemCall {
    long make(SessionProcess actor, String handle);
  }

  /** Tells what a system call returned. */
  interface Report {
    void tell(Answer answer, long result);
  }

  /** A system call that may wait, and then goes on or is made again. */
  static SessionCall systemCall(SystemCall call, Report report) {
    return (actor, handle) ->
        new Execution(actor) {
          @Override
          boolean step(Answer answer, long resumed) {
            long result = resumed == Process.REPEAT ? call.make(actor, handle) : resumed;
            if (result == Process.BLOCKED) {
              return false;
            }
            report.tell(answer, result);
            return true;
          }
        };
  }
}
