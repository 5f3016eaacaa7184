package dev.quire.kvm.host;

import dev.quire.bindings.HostFile;

/**
 * Memory of a client: these addresses are that part of a file.
 *
 * @param hva in the client, bytes, as the next two
 * @param file shared by the ranges that one was cut into
 */
record ClientRange(long hva, long bytes, SharedFile file, long offset, boolean readOnly) {
  long end() {
    return hva + bytes;
  }

  /** The part of it from {@code from} to {@code to}. */
  ClientRange part(long from, long to) {
    return new ClientRange(from, to - from, file, offset + from - hva, readOnly);
  }

  /** Whether the same bytes stand at the same addresses. */
  boolean continues(ClientRange other) {
    return file.file.isSame(other.file.file)
        && offset - hva == other.offset - other.hva
        && readOnly == other.readOnly;
  }

  /** A file that several ranges have; closed with the last. */
  static final class SharedFile {
    final HostFile file;

    /** Whether the service made it: then nobody else maps it. */
    final boolean remote;

    private int users;

    SharedFile(HostFile file, boolean remote) {
      this.file = file;
      this.remote = remote;
    }

    SharedFile get() {
      users++;
      return this;
    }

    void put() {
      if (--users == 0) {
        file.close();
      }
    }
  }
}
