package dev.quire.kvm.server;

/**
 * Whether a socket may go on after its HELLO.
 *
 * @param process it belongs to, or null if it is refused
 * @param error 0, or -errno for the client
 * @param reason for the log
 */
record Admission(ClientProcess process, int error, String reason) {
  static Admission to(ClientProcess process) {
    return new Admission(process, 0, "");
  }

  static Admission refused(int error, String reason) {
    return new Admission(null, -error, reason);
  }
}
