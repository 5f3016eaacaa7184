package dev.quire.lab.replay;

/**
 * One operation of a session.
 *
 * @param text as it stands in the file
 * @param lane who runs it: {@link #PARENT}, {@link #CHILD}, or the name of a helper thread
 * @param handle the name in front of it, or null
 * @param name of the operation
 * @param joins whether it asks again for the answer that the lane's last operation owes
 * @param call null if it joins
 */
record SessionOp(
    String text, String lane, String handle, String name, boolean joins, SessionCall call) {
  static final String PARENT = "";
  static final String CHILD = "c";

  /** Whether there must be a child. */
  boolean needsChild() {
    return byChild() || name().equals("cexit");
  }

  boolean forks() {
    return name().equals("fork");
  }

  boolean byThread() {
    return lane.startsWith("t");
  }

  boolean byChild() {
    return lane.equals(CHILD);
  }
}
