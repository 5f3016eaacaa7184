package dev.quire.kvm.fd;

/**
 * The descriptor table of a process, as far as the service sees it. On the thread of a call of that
 * process.
 */
public interface Descriptors {
  /**
   * Gives a file its number; the table holds the file's reference from then on.
   *
   * @return the number, or -EMFILE, the file closed then
   */
  long install(Descriptor file);

  /** The file behind a number, or null (EBADF). */
  Descriptor find(int number);
}
