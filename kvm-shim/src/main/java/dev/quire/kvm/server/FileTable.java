package dev.quire.kvm.server;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.fd.Descriptors;
import java.util.Arrays;

/** The descriptor table of a client's process. On the process's thread. */
final class FileTable implements Descriptors {
  private static final int FIRST_SLOTS = 16;

  private final int limit;
  private Descriptor[] files = new Descriptor[FIRST_SLOTS];

  /** When each was installed: what was opened last is closed first. */
  private long[] installed = new long[FIRST_SLOTS];

  private long installs;
  private int lowestFree;
  private int open;

  FileTable(int limit) {
    this.limit = limit;
  }

  @Override
  public long install(Descriptor file) {
    if (open == limit) {
      file.put();
      return -Errno.EMFILE;
    }
    int number = lowestFree;
    while (number < files.length && files[number] != null) {
      number++;
    }
    if (number == files.length) {
      files = Arrays.copyOf(files, 2 * number);
      installed = Arrays.copyOf(installed, 2 * number);
    }
    files[number] = file;
    installed[number] = ++installs;
    lowestFree = number + 1;
    open++;
    return number;
  }

  @Override
  public Descriptor find(int number) {
    return number >= 0 && number < files.length ? files[number] : null;
  }

  /** close(2): 0 or -EBADF. */
  long close(int number) {
    Descriptor file = find(number);
    if (file == null) {
      return -Errno.EBADF;
    }
    files[number] = null;
    lowestFree = Math.min(lowestFree, number);
    open--;
    file.put();
    return 0;
  }

  int open() {
    return open;
  }

  /** The number that was installed last and is open still, or -1. */
  int newest() {
    int newest = -1;
    for (int i = 0; i < files.length; i++) {
      if (files[i] != null && (newest < 0 || installed[i] > installed[newest])) {
        newest = i;
      }
    }
    return newest;
  }
}
