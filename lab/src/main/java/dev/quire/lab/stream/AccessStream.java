package dev.quire.lab.stream;

import java.io.Closeable;

/** Accesses in program order, read in bulk. One thread; reading allocates nothing per access. */
public interface AccessStream extends Closeable {
  /**
   * Gives the next accesses, {@link PackedAccess}, from index 0.
   *
   * @param most at most this many, positive and no more than {@code target} holds
   * @return how many; 0 at the end and only there
   * @throws BadStreamException if a file is malformed or cannot be read
   */
  int read(long[] target, int most);

  @Override
  void close();
}
