package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.NaiveSpace.Contents;
import dev.quire.kernel.mm.NaiveSpace.Kind;
import dev.quire.kernel.page.HugetlbPool;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs steps on processes that map hugetlb pages of one size, and on {@link NaiveSpace}s whose
 * pages are huge ones, and compares what system calls and accesses answer. The pool may run dry.
 */
final class HugetlbProgram {
  /** The addresses that steps speak of, in huge pages. */
  static final int WINDOW = 24;

  private static final int FILE_PAGES = 6;
  private static final int MOST_PROCESSES = 3;
  private static final long BASE = 1L << 40;
  private static final int READ_WRITE = Mman.PROT_READ | Mman.PROT_WRITE;

  enum Action {
    MAP_PRIVATE,
    MAP_SHARED,
    MAP_FILE_PRIVATE,
    MAP_FILE_SHARED,
    UNMAP,
    WRITE,
    READ,
    FORK,
    EXIT,
    PROTECT,
    MOVE,
    DONTNEED,
    POPULATE,
    TRUNCATE,
    PUNCH,
    ALLOCATE
  }

  record Step(Action action, int process, int page, int length, int argument) {}

  record Pair(Process real, NaiveSpace naive) {}

  private record NaiveFile(OpenFile real, Contents contents) {}

  final HugetlbSize size;
  private final Kernel kernel;
  private final HugetlbPool pool;
  private final List<Pair> processes = new ArrayList<>();
  private final List<NaiveFile> files = new ArrayList<>();
  private long lastContent;

  HugetlbProgram(Kernel kernel, HugetlbSize size) {
    this.kernel = kernel;
    this.size = size;
    this.pool = size.pool();
    Process first = kernel.spawn();
    for (int i = 0; i < 2; i++) {
      OpenFile file = first.openHugetlb(size.bytes(), FILE_PAGES * size.pages());
      files.add(new NaiveFile(file, new Contents(FILE_PAGES)));
    }
    processes.add(new Pair(first, new NaiveSpace(WINDOW)));
  }

  List<Pair> processes() {
    return processes;
  }

  /** The files that are open. */
  List<OpenFile> files() {
    return files.stream().map(NaiveFile::real).toList();
  }

  void end() {
    processes.forEach(pair -> pair.real.exit());
    processes.clear();
    files.forEach(file -> file.real.put());
    files.clear();
  }

  long address(int page) {
    return BASE + page * size.bytes();
  }

  private long bytes(int pages) {
    return pages * size.bytes();
  }

  void run(Step step) {
    if (processes.isEmpty()) {
      processes.add(new Pair(kernel.spawn(), new NaiveSpace(WINDOW)));
    }
    Pair pair = processes.get(step.process % processes.size());
    int page = step.page % WINDOW;
    int pages = Math.min(1 + step.length, WINDOW - page);
    switch (step.action) {
      case MAP_PRIVATE -> mapAnonymous(pair, page, pages, Kind.PRIVATE, step.argument);
      case MAP_SHARED -> mapAnonymous(pair, page, pages, Kind.SHARED, step.argument);
      case MAP_FILE_PRIVATE -> mapFile(pair, page, pages, Kind.FILE_PRIVATE, step.argument);
      case MAP_FILE_SHARED -> mapFile(pair, page, pages, Kind.FILE_SHARED, step.argument);
      case UNMAP -> unmap(pair, page, pages);
      case WRITE -> touch(pair, page, true);
      case READ -> touch(pair, page, false);
      case FORK -> fork(pair);
      case EXIT -> {
        pair.real.exit();
        processes.remove(pair);
      }
      case PROTECT -> protect(pair, page, pages, step.argument);
      case MOVE -> move(pair, page, step.argument % WINDOW);
      case DONTNEED -> discard(pair, page, pages);
      case POPULATE -> pair.real.madvise(address(page), bytes(pages), Mman.MADV_POPULATE_READ);
      case TRUNCATE, PUNCH, ALLOCATE -> changeFile(step);
    }
  }

  private void mapAnonymous(Pair pair, int page, int pages, Kind kind, int argument) {
    int shared = kind == Kind.SHARED ? Mman.MAP_SHARED : Mman.MAP_PRIVATE;
    int log = Long.numberOfTrailingZeros(size.bytes()) << Mman.MAP_HUGE_SHIFT;
    int flags = shared | Mman.MAP_ANONYMOUS | Mman.MAP_HUGETLB | log;
    Contents contents = kind == Kind.SHARED ? new Contents(pages) : null;
    map(pair, page, pages, kind, flags, argument, null, contents, 0);
  }

  private void mapFile(Pair pair, int page, int most, Kind kind, int argument) {
    NaiveFile file = files.get(argument % files.size());
    int from = argument / 3 % FILE_PAGES;
    int pages = Math.min(most, FILE_PAGES - from);
    int flags = kind == Kind.FILE_SHARED ? Mman.MAP_SHARED : Mman.MAP_PRIVATE;
    map(pair, page, pages, kind, flags, argument, file.real, file.contents, from);
  }

  private void map(
      Pair pair,
      int page,
      int pages,
      Kind kind,
      int type,
      int argument,
      OpenFile file,
      Contents contents,
      int from) {
    int flags = type | Mman.MAP_FIXED | (argument % 4 == 0 ? Mman.MAP_NORESERVE : 0);
    int prot = argument % 5 == 0 ? Mman.PROT_READ : READ_WRITE;
    long mapped = pair.real.mmap(address(page), bytes(pages), prot, flags, file, bytes(from));
    if (mapped == -Errno.ENOMEM) {
      assertThat(pool.free() - pool.reserved()).as("enough for mmap").isLessThan(pages);
    } else {
      assertThat(mapped).as("mmap").isEqualTo(address(page));
      if (file != null && (prot & Mman.PROT_WRITE) != 0) {
        contents.size = Math.max(contents.size, from + pages);
      }
    }
    for (int i = 0; i < pages; i++) {
      if (mapped < 0) {
        pair.naive.unmap(page + i);
      } else {
        pair.naive.map(page + i, kind, prot, contents, from + i);
      }
    }
  }

  private void unmap(Pair pair, int page, int pages) {
    assertThat(pair.real.munmap(address(page), bytes(pages))).as("munmap").isZero();
    for (int i = page; i < page + pages; i++) {
      pair.naive.unmap(i);
    }
  }

  private void touch(Pair pair, int page, boolean write) {
    NaiveSpace naive = pair.naive;
    boolean poor = pool.free() <= Math.max(0, pool.reserved());
    int signal = pair.real.touch(address(page), write);
    if (!naive.isMapped(page)) {
      assertThat(signal).isEqualTo(UserSignal.SEGV_MAPERR);
    } else if (write && (naive.rights[page] & Mman.PROT_WRITE) == 0) {
      assertThat(signal).isEqualTo(UserSignal.SEGV_ACCERR);
    } else if (naive.isBeyondEnd(page)) {
      assertThat(signal).isEqualTo(UserSignal.BUS_ADRERR);
    } else if (signal != UserSignal.NONE) {
      assertThat(signal).isEqualTo(UserSignal.BUS_ADRERR);
      assertThat(poor || lost(pair, page)).as("page %d cannot be had", page).isTrue();
    } else if (write) {
      naive.write(page, ++lastContent);
    }
  }

  /** Whether pages of the mapping were taken for its parent's copies. */
  boolean lost(Pair pair, int page) {
    Vma vma = pair.real.mm().vmas().find(address(page));
    return vma != null && vma.hugetlb().isUnmapped();
  }

  private void fork(Pair pair) {
    if (processes.size() < MOST_PROCESSES) {
      processes.add(new Pair(pair.real.fork(), pair.naive.fork()));
    }
  }

  private void protect(Pair pair, int page, int pages, int argument) {
    int prot = argument % 2 == 0 ? READ_WRITE : Mman.PROT_READ;
    long result = pair.real.mprotect(address(page), bytes(pages), prot);
    int end = page;
    while (end < page + pages && pair.naive.isMapped(end)) {
      pair.naive.rights[end++] = prot;
    }
    assertThat(result).as("mprotect").isEqualTo(end < page + pages ? -Errno.ENOMEM : 0);
  }

  /** Whole mappings: of the rest of one that is moved in part Linux loses the reservations. */
  private void move(Pair pair, int page, int to) {
    Vma vma = pair.real.mm().vmas().find(address(page));
    if (vma == null) {
      return;
    }
    int from = (int) ((vma.start() - BASE) / size.bytes());
    int pages = (int) (vma.bytes() / size.bytes());
    if (to + pages > WINDOW || Math.abs(to - from) < pages) {
      return;
    }
    int flags = Mman.MREMAP_MAYMOVE | Mman.MREMAP_FIXED;
    assertThat(pair.real.mremap(vma.start(), vma.bytes(), vma.bytes(), flags, address(to)))
        .as("mremap")
        .isEqualTo(address(to));
    for (int i = 0; i < pages; i++) {
      pair.naive.take(to + i, pair.naive, from + i);
      pair.naive.unmap(from + i);
    }
  }

  private void discard(Pair pair, int page, int pages) {
    NaiveSpace naive = pair.naive;
    long result = pair.real.madvise(address(page), bytes(pages), Mman.MADV_DONTNEED);
    boolean hole = false;
    for (int i = page; i < page + pages; i++) {
      hole |= !naive.isMapped(i);
      if (naive.isMapped(i)) {
        naive.content[i] = naive.kind[i] == Kind.PRIVATE ? NaiveSpace.ZERO : NaiveSpace.AS_FILE;
      }
    }
    assertThat(result).as("MADV_DONTNEED").isEqualTo(hole ? -Errno.ENOMEM : 0);
  }

  private void changeFile(Step step) {
    NaiveFile file = files.get(step.argument % files.size());
    int from = step.page % FILE_PAGES;
    int pages = Math.min(1 + step.length, FILE_PAGES - from);
    switch (step.action) {
      case TRUNCATE -> {
        assertThat(file.real.truncate(bytes(from))).as("ftruncate").isZero();
        file.contents.size = from;
        drop(file, from, FILE_PAGES);
      }
      case PUNCH -> {
        assertThat(file.real.fallocate(3, bytes(from), bytes(pages))).as("punch").isZero();
        drop(file, from, from + pages);
      }
      default -> {
        long result = file.real.fallocate(0, bytes(from), bytes(pages));
        if (result == 0) {
          file.contents.size = Math.max(file.contents.size, from + pages);
        } else {
          assertThat(result).as("fallocate").isEqualTo(-Errno.ENOSPC);
        }
      }
    }
  }

  /** Pages of a file are gone, and private copies of them too. */
  private void drop(NaiveFile file, int from, int end) {
    file.contents.zero(from, end);
    for (Pair pair : processes) {
      for (int i = 0; i < WINDOW; i++) {
        if (pair.naive.object[i] == file.contents
            && pair.naive.index[i] >= from
            && pair.naive.index[i] < end) {
          pair.naive.content[i] = NaiveSpace.AS_FILE;
        }
      }
    }
  }
}
