package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.NaiveSpace.Kind;
import dev.quire.kernel.page.PageFlag;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * Runs {@link RandomStep}s on the processes of a kernel and on {@link NaiveSpace}s beside them, and
 * compares what system calls and accesses answer.
 */
final class RandomProgram {
  /** The addresses that steps speak of: three PMDs of 4 KiB pages. */
  static final int WINDOW = 1536;

  private static final int PRIVATE_PAGES = 1024;
  private static final int MOST_PROCESSES = 4;
  private static final int FILE_PAGES = 700;
  private static final long BASE = 0x7e00_0000_0000L;
  private static final int[] RIGHTS = {
    Mman.PROT_READ | Mman.PROT_WRITE,
    Mman.PROT_READ | Mman.PROT_WRITE,
    Mman.PROT_READ | Mman.PROT_WRITE,
    Mman.PROT_READ,
    Mman.PROT_NONE
  };

  /** A process and what is known of it. */
  record Pair(Process real, NaiveSpace naive) {}

  /** A file, open once, with the contents of its pages. */
  private record NaiveFile(OpenFile real, NaiveSpace.Contents contents) {}

  private final Kernel kernel;
  private final List<Pair> processes = new ArrayList<>();
  private final List<NaiveFile> files = new ArrayList<>();
  private final boolean tight;
  private final RandomUffd uffd;
  private long lastContent;

  /**
   * @param tight whether the kernel may run out of memory: a process that notices ends
   */
  RandomProgram(Kernel kernel, boolean tight, FileKind... kinds) {
    this.kernel = kernel;
    this.tight = tight;
    this.uffd = new RandomUffd(this, kernel.pageBytes());
    Process first = kernel.spawn();
    for (FileKind kind : kinds) {
      files.add(new NaiveFile(first.open(kind, FILE_PAGES), new NaiveSpace.Contents(FILE_PAGES)));
    }
    start(first);
  }

  /** A process begins with memory, and with the files mapped both ways. */
  private void start(Process process) {
    Pair pair = new Pair(process, new NaiveSpace(WINDOW));
    processes.add(pair);
    mapAnonymous(pair, 0, PRIVATE_PAGES, Kind.PRIVATE, 0);
    int page = PRIVATE_PAGES;
    int pages = (WINDOW - PRIVATE_PAGES) / Math.max(1, 2 * files.size());
    for (int i = 0; i < files.size() && processes.contains(pair); i++) {
      mapFile(pair, page, pages, Kind.FILE_PRIVATE, i);
      mapFile(pair, page + pages, pages, Kind.FILE_SHARED, i);
      page += 2 * pages;
    }
  }

  List<Pair> processes() {
    return processes;
  }

  long address(int page) {
    return BASE + page * kernel.pageBytes();
  }

  int page(long address) {
    return (int) ((address - BASE) / kernel.pageBytes());
  }

  private long bytes(int pages) {
    return pages * kernel.pageBytes();
  }

  /** Ends all processes and closes the files. */
  void end() {
    processes.forEach(pair -> pair.real.exit());
    processes.clear();
    files.forEach(file -> file.real.put());
    files.clear();
  }

  void run(RandomStep step) {
    if (processes.isEmpty()) {
      start(kernel.spawn());
    }
    if (processes.isEmpty()) {
      return;
    }
    Pair pair = processes.get(step.process() % processes.size());
    int page = step.page() % WINDOW;
    int pages = Math.min(1 + step.length(), WINDOW - page);
    switch (step.action()) {
      case MAP_PRIVATE -> mapAnonymous(pair, page, pages, Kind.PRIVATE, step.argument());
      case MAP_SHARED -> mapAnonymous(pair, page, pages, Kind.SHARED, step.argument());
      case MAP_FILE_PRIVATE -> mapFile(pair, page, pages, Kind.FILE_PRIVATE, step.argument());
      case MAP_FILE_SHARED -> mapFile(pair, page, pages, Kind.FILE_SHARED, step.argument());
      case UNMAP -> unmap(pair, page, pages);
      case WRITE -> touch(pair, page, true, step.argument() % 5);
      case READ -> touch(pair, page, false, 0);
      case WRITE_RANGE -> touchRange(pair, page, pages, true);
      case READ_RANGE -> touchRange(pair, page, pages, false);
      case FORK -> fork(pair);
      case EXIT -> kill(pair);
      case PROTECT -> protect(pair, page, pages, RIGHTS[step.argument() % RIGHTS.length]);
      case MOVE -> move(pair, page, pages, step.argument());
      case DONTNEED -> discard(pair, page, pages, Mman.MADV_DONTNEED);
      case FREE -> discard(pair, page, pages, Mman.MADV_FREE);
      case POPULATE_READ ->
          finished(
              pair, () -> pair.real.madvise(address(page), bytes(pages), Mman.MADV_POPULATE_READ));
      case POPULATE_WRITE -> populateWrite(pair, page, pages);
      case HUGEPAGE -> advise(pair, page, pages, Mman.MADV_HUGEPAGE);
      case NOHUGEPAGE -> advise(pair, page, pages, Mman.MADV_NOHUGEPAGE);
      case COLLAPSE -> pair.real.madvise(address(page), bytes(pages), Mman.MADV_COLLAPSE);
      case FILE_WRITE, FILE_TRUNCATE, FILE_PUNCH, FILE_SYNC, FILE_DROP -> changeFile(step);
      case LOCK -> lock(pair, page, pages, true);
      case UNLOCK -> lock(pair, page, pages, false);
      case MIGRATE -> migrate(pair, page, pages);
      case DRAIN -> {
        kernel.folios().lru().drain();
        kernel.folios().allocator().drain();
      }
      default -> uffd.run(step, pair, page, pages);
    }
  }

  /** A call that waits is answered, and done again or continued. */
  private long finished(Pair pair, LongSupplier call) {
    long result = call.getAsLong();
    while (result == Process.BLOCKED) {
      result = uffd.finish(pair);
      if (result == Process.REPEAT) {
        result = call.getAsLong();
      }
    }
    return result;
  }

  /** The kernel moves what some pages map; user space sees nothing of it. */
  private void migrate(Pair pair, int page, int pages) {
    List<Long> anonymous = new ArrayList<>();
    pair.real.pagemap(
        address(page),
        bytes(Math.min(pages, 64)),
        (address, found) -> {
          if (found.kind() == PageReport.Kind.ANON) {
            anonymous.add(found.pfn());
          }
        });
    AnonMigration migration = new AnonMigration(kernel);
    for (long frame : anonymous) {
      if (kernel.frames().is(kernel.frames().folioOf(frame), PageFlag.ANON)) {
        migration.migrate(frame);
      }
    }
  }

  private void mapAnonymous(Pair pair, int page, int pages, Kind kind, int argument) {
    int prot = RIGHTS[argument % RIGHTS.length];
    int shared = kind == Kind.SHARED ? Mman.MAP_SHARED : Mman.MAP_PRIVATE;
    int flags = shared | Mman.MAP_ANONYMOUS | Mman.MAP_FIXED;
    long result = pair.real.mmap(address(page), bytes(pages), prot, flags, null, 0);
    if (kind == Kind.SHARED && result == -Errno.ENODEV || ranOut(pair, result)) {
      return;
    }
    assertThat(result).as("mmap").isEqualTo(address(page));
    NaiveSpace.Contents contents = kind == Kind.SHARED ? new NaiveSpace.Contents(pages) : null;
    for (int i = 0; i < pages; i++) {
      pair.naive.map(page + i, kind, prot, contents, i);
    }
  }

  private void mapFile(Pair pair, int page, int most, Kind kind, int argument) {
    if (files.isEmpty()) {
      return;
    }
    NaiveFile file = files.get(argument % files.size());
    int from = argument / 7 % FILE_PAGES;
    int pages = Math.min(most, FILE_PAGES - from);
    int prot = RIGHTS[argument % RIGHTS.length];
    int shared = kind == Kind.FILE_SHARED ? Mman.MAP_SHARED : Mman.MAP_PRIVATE;
    long result =
        pair.real.mmap(
            address(page), bytes(pages), prot, shared | Mman.MAP_FIXED, file.real, bytes(from));
    assertThat(result).as("mmap of a file").isEqualTo(address(page));
    for (int i = 0; i < pages; i++) {
      pair.naive.map(page + i, kind, prot, file.contents, from + i);
    }
  }

  private void unmap(Pair pair, int page, int pages) {
    long result = pair.real.munmap(address(page), bytes(pages));
    if (ranOut(pair, result)) {
      return;
    }
    assertThat(result).as("munmap").isZero();
    for (int i = page; i < page + pages; i++) {
      pair.naive.unmap(i);
    }
  }

  /** A process without memory is killed, as what a call did before it failed is not told. */
  private boolean ranOut(Pair pair, long result) {
    if (tight && result == -Errno.ENOMEM) {
      kill(pair);
    }
    return !processes.contains(pair);
  }

  private void kill(Pair pair) {
    pair.real.exit();
    processes.remove(pair);
  }

  private void touchRange(Pair pair, int page, int pages, boolean write) {
    for (int i = page; i < page + pages && processes.contains(pair); i++) {
      touch(pair, i, write, 1);
    }
  }

  private void touch(Pair pair, int page, boolean write, int value) {
    NaiveSpace naive = pair.naive;
    int expected = UserSignal.NONE;
    if (!naive.isMapped(page)) {
      expected = UserSignal.SEGV_MAPERR;
    } else if ((naive.rights[page] & (write ? Mman.PROT_WRITE : Mman.PROT_READ)) == 0) {
      expected = UserSignal.SEGV_ACCERR;
    } else if (naive.isBeyondEnd(page)) {
      expected = UserSignal.BUS_ADRERR;
    }
    int signal = pair.real.touch(address(page), write, value);
    while (signal == UserSignal.BLOCKED) {
      uffd.answer(pair);
      signal = pair.real.touch(address(page), write, value);
    }
    if (tight && signal == UserSignal.OOM_KILLED) {
      kill(pair);
      return;
    }
    assertThat(signal).as("%s of page %d", write ? "write" : "read", page).isEqualTo(expected);
    if (write && expected == UserSignal.NONE) {
      naive.write(page, value == 0 ? NaiveSpace.ZERO : ++lastContent);
    }
  }

  private void fork(Pair pair) {
    if (processes.size() < MOST_PROCESSES) {
      Process child = pair.real.fork();
      if (child != null) {
        processes.add(new Pair(child, pair.naive.fork()));
      } else {
        assertThat(tight).as("fork without memory").isTrue();
      }
    }
  }

  private void protect(Pair pair, int page, int pages, int prot) {
    long result = pair.real.mprotect(address(page), bytes(pages), prot);
    if (ranOut(pair, result)) {
      return;
    }
    int end = page;
    while (end < page + pages && pair.naive.isMapped(end)) {
      pair.naive.rights[end++] = prot;
    }
    assertThat(result).as("mprotect").isEqualTo(end < page + pages ? -Errno.ENOMEM : 0);
  }

  private void move(Pair pair, int from, int most, int argument) {
    int to = argument % WINDOW;
    int pages = Math.min(Math.min(most, WINDOW - to), Math.abs(to - from));
    if (pages == 0 || !pair.naive.isUniform(from, pages) || uffd.stopsMove(pair, from, pages)) {
      return;
    }
    long result =
        finished(
            pair,
            () ->
                pair.real.mremap(
                    address(from),
                    bytes(pages),
                    bytes(pages),
                    Mman.MREMAP_MAYMOVE | Mman.MREMAP_FIXED,
                    address(to)));
    if (ranOut(pair, result)) {
      return;
    }
    boolean cleared = result < 0 && pair.real.mincore(address(to), bytes(1), new byte[1]) < 0;
    for (int i = 0; i < pages; i++) {
      if (result >= 0) {
        pair.naive.take(to + i, pair.naive, from + i);
        pair.naive.unmap(from + i);
      } else if (cleared) {
        pair.naive.unmap(to + i);
      }
    }
    // A range of several VMAs that look alike, which have anon_vmas of their own, may be refused.
    assertThat(result).as("mremap").isIn(address(to), (long) -Errno.EFAULT);
  }

  private void discard(Pair pair, int page, int pages, int advice) {
    NaiveSpace naive = pair.naive;
    for (int i = page; i < page + pages; i++) {
      if (naive.locked[i] || advice == Mman.MADV_FREE && naive.kind[i] != Kind.PRIVATE) {
        return;
      }
    }
    long result = pair.real.madvise(address(page), bytes(pages), advice);
    if (ranOut(pair, result)) {
      return;
    }
    boolean hole = false;
    for (int i = page; i < page + pages; i++) {
      hole |= !naive.isMapped(i);
      if (advice == Mman.MADV_DONTNEED && naive.isMapped(i)) {
        naive.content[i] = naive.kind[i] == Kind.PRIVATE ? NaiveSpace.ZERO : NaiveSpace.AS_FILE;
      }
    }
    assertThat(result).as("madvise %d", advice).isEqualTo(hole ? -Errno.ENOMEM : 0);
  }

  private void populateWrite(Pair pair, int page, int pages) {
    NaiveSpace naive = pair.naive;
    long result =
        finished(
            pair, () -> pair.real.madvise(address(page), bytes(pages), Mman.MADV_POPULATE_WRITE));
    if (ranOut(pair, result)) {
      return;
    }
    int i = page;
    while (i < page + pages && naive.isMapped(i) && (naive.rights[i] & Mman.PROT_WRITE) != 0) {
      if (naive.kind[i] == Kind.FILE_PRIVATE) {
        // It is a private copy from now on.
        naive.content[i] = naive.shows(i);
      }
      i++;
    }
    if (i == page + pages) {
      assertThat(result).as("MADV_POPULATE_WRITE").isZero();
    } else {
      assertThat(result).as("MADV_POPULATE_WRITE").isNegative();
    }
  }

  private void advise(Pair pair, int page, int pages, int advice) {
    pair.real.madvise(address(page), bytes(pages), advice);
    for (int i = page; i < page + pages; i++) {
      if (pair.naive.isMapped(i)) {
        pair.naive.advice[i] = advice;
      }
    }
  }

  private void changeFile(RandomStep step) {
    if (files.isEmpty()) {
      return;
    }
    NaiveFile file = files.get(step.argument() % files.size());
    OpenFile real = file.real;
    int from = step.page() % FILE_PAGES;
    int pages = Math.min(1 + step.length(), FILE_PAGES - from);
    switch (step.action()) {
      case FILE_WRITE -> {
        long written = real.write(bytes(from), bytes(pages));
        if (!tight) {
          assertThat(written).as("write").isEqualTo(bytes(pages));
        }
        int whole = (int) (Math.max(0, written) / kernel.pageBytes());
        for (int i = from; i < from + whole; i++) {
          file.contents.pages[i] = ++lastContent;
        }
        if (whole > 0) {
          file.contents.size = Math.max(file.contents.size, from + whole);
        }
      }
      case FILE_TRUNCATE -> {
        if (real.kind() == FileKind.MEMFD && !kernel.config().thp().shmem().isEmpty()) {
          // Linux maps large folios of shmem beyond the end of the file: what shows there is open.
          return;
        }
        assertThat(real.truncate(bytes(from))).as("ftruncate").isZero();
        file.contents.size = from;
        file.contents.zero(from, FILE_PAGES);
        processes.forEach(pair -> pair.naive.truncated(file.contents));
      }
      case FILE_PUNCH -> {
        assertThat(real.fallocate(3, bytes(from), bytes(pages))).as("punch").isZero();
        file.contents.zero(from, from + pages);
      }
      case FILE_SYNC -> assertThat(real.fsync()).as("fsync").isZero();
      default -> assertThat(real.dropCache(bytes(from), bytes(pages))).as("fadvise").isZero();
    }
  }

  private void lock(Pair pair, int page, int pages, boolean on) {
    for (int i = page; i < page + pages; i++) {
      if (pair.naive.kind[i] == Kind.FILE_PRIVATE) {
        // Locking would make private copies of as many as it gets to.
        return;
      }
    }
    long result =
        on
            ? finished(pair, () -> pair.real.mlock(address(page), bytes(pages)))
            : pair.real.munlock(address(page), bytes(pages));
    if (ranOut(pair, result)) {
      return;
    }
    int end = page;
    while (end < page + pages && pair.naive.isMapped(end)) {
      pair.naive.locked[end++] = on;
    }
    if (end < page + pages) {
      assertThat(result).as("mlock over a hole").isEqualTo(-Errno.ENOMEM);
    }
  }
}
