package dev.quire.lab.reproduce;

import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import dev.quire.lab.cost.Amounts;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * The process tree of one object file of a kernel build, on a modelled kernel: a shell that forks
 * for each command; the compiler driver, which runs compiler and assembler; two small tools. Each
 * program maps text, data and two libraries, touches part of their text, writes its data, grows a
 * heap and a stack, reads and writes files, and exits. docs/REPRODUCE.md lists the sizes; none was
 * fitted. Sizes are bytes, the same whatever the kernel's base page.
 */
final class CompileUnit {
  private static final long KIB = 1 << 10;
  private static final long MIB = 1 << 20;
  private static final long TOUCH = 4 * KIB;

  /** ELF segments on arm64 are aligned to it, so that the same binaries run on every granule. */
  private static final long SEGMENT_ALIGNMENT = 64 * KIB;

  private static final long IMAGE = 0x40_0000L;
  private static final long STACK_TOP = 0xffff_f000_0000L;
  private static final long STACK_BYTES = 132 * KIB;
  private static final int ANON = Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS;
  private static final int READ_WRITE = Mman.PROT_READ | Mman.PROT_WRITE;
  private static final int READ_EXEC = Mman.PROT_READ | Mman.PROT_EXEC;

  /** What gcc's page allocator asks for at a time (ggc-page.cc, GGC_QUIRE_SIZE). */
  private static final long CHUNK = 2 * MIB;

  private static final long HEADERS_READ = 6 * MIB;
  private static final long ASSEMBLY = 1536 * KIB;
  private static final long OBJECT = 256 * KIB;

  /** Text used at a time: functions lie in runs of this many bytes. */
  private static final long TEXT_RUN = 16 * KIB;

  /**
   * A program or library.
   *
   * @param text bytes of text
   * @param textUsed bytes of it that are touched
   * @param data bytes of data, all written
   * @param bss bytes of zeroes at first, each page read before it is written
   */
  private record Image(long text, long textUsed, long data, long bss) {}

  /**
   * What a program does besides.
   *
   * @param heap bytes the break grows by
   * @param chunks mappings of 2 MiB, filled one after the other
   * @param stack bytes of stack written
   */
  private record Behaviour(Image image, long heap, int chunks, long stack) {}

  // Sizes as `size` gives them for the programs of a Linux distribution, rounded.
  private static final Image LINKER = new Image(192 * KIB, 96 * KIB, 12 * KIB, 0);
  private static final Image LIBC = new Image(1600 * KIB, 320 * KIB, 24 * KIB, 52 * KIB);

  private static final Behaviour SHELL =
      new Behaviour(new Image(128 * KIB, 80 * KIB, 12 * KIB, 12 * KIB), 132 * KIB, 0, 16 * KIB);
  private static final Behaviour DRIVER =
      new Behaviour(new Image(1 * MIB, 320 * KIB, 48 * KIB, 64 * KIB), 512 * KIB, 0, 24 * KIB);
  private static final Behaviour COMPILER =
      new Behaviour(new Image(24 * MIB, 8 * MIB, 128 * KIB, 1280 * KIB), 6 * MIB, 9, 64 * KIB);
  private static final Behaviour ASSEMBLER =
      new Behaviour(new Image(768 * KIB, 320 * KIB, 48 * KIB, 128 * KIB), 3 * MIB, 0, 24 * KIB);
  private static final Behaviour TOOL =
      new Behaviour(new Image(64 * KIB, 48 * KIB, 8 * KIB, 4 * KIB), 132 * KIB, 0, 12 * KIB);

  private static final List<Behaviour> BEHAVIOURS =
      List.of(SHELL, DRIVER, COMPILER, ASSEMBLER, TOOL);

  /** Written by a shell after it forked, and by its child before that executes a program. */
  private static final int STACK_PAGES_WRITTEN = 4;

  private final Kernel kernel;
  private final Random random;
  private final OpenFile linker;
  private final OpenFile libc;
  private final OpenFile headers;
  private final List<OpenFile> programs = new ArrayList<>();
  private final long granule;

  private Amounts exits = Amounts.NONE;
  private Amounts teardowns = Amounts.NONE;
  private Process compiler;
  private List<long[]> compilerData;
  private List<long[]> compilerText;

  CompileUnit(Kernel kernel, long seed) {
    this.kernel = kernel;
    this.random = new Random(seed);
    this.granule = 1L << kernel.pageShift();
    this.linker = file(LINKER);
    this.libc = file(LIBC);
    for (Behaviour behaviour : BEHAVIOURS) {
      programs.add(file(behaviour.image()));
    }
    this.headers = file(HEADERS_READ);
    cache(LINKER, linker);
    cache(LIBC, libc);
    for (int i = 0; i < programs.size(); i++) {
      cache(BEHAVIOURS.get(i).image(), programs.get(i));
    }
  }

  /** Brings an image into the page cache as earlier units did: by running it. */
  private void cache(Image image, OpenFile file) {
    Process process = kernel.spawn();
    long bytes = aligned(image.text()) + aligned(image.data());
    long at = process.mmap(0, bytes, READ_EXEC, Mman.MAP_PRIVATE, file, 0);
    require(at > 0);
    for (long page = at; page < at + bytes; page += TOUCH) {
      touch(process, page, false);
    }
    process.exit();
  }

  private OpenFile file(Image image) {
    return file(aligned(image.text()) + aligned(image.data()));
  }

  /** A file that is on disk and in no cache. */
  private OpenFile file(long bytes) {
    OpenFile file = kernel.spawn().open(FileKind.EXT4, bytes >>> kernel.pageShift());
    for (long at = 0; at < bytes; at += MIB) {
      require(file.write(at, Math.min(MIB, bytes - at)) > 0);
    }
    require(file.fsync() == 0 && file.dropCache(0, bytes) == 0);
    return file;
  }

  private static long aligned(long bytes) {
    return bytes + SEGMENT_ALIGNMENT - 1 & -SEGMENT_ALIGNMENT;
  }

  /** What the exits of all programs since the start did. */
  Amounts exits() {
    return exits;
  }

  /** Runs the unit once. */
  void run() {
    runUntilCompiled();
    exit(compiler);
    finish();
  }

  private Process shell;
  private Process driver;

  /** Runs up to the point where the compiler is about to exit. */
  void runUntilCompiled() {
    shell = kernel.spawn();
    execute(shell, 0, SHELL);
    driver = forkAndExecute(shell, 1, DRIVER);
    compiler = kernel.spawn();
    execute(compiler, 2, COMPILER);
    read(headers, HEADERS_READ);
    OpenFile assembly = written(ASSEMBLY);
    read(assembly, ASSEMBLY);
    assembly.put();
  }

  private void finish() {
    Process assembler = kernel.spawn();
    execute(assembler, 3, ASSEMBLER);
    written(OBJECT).put();
    exit(assembler);
    exit(driver);
    for (int i = 0; i < 2; i++) {
      exit(forkAndExecute(shell, 4, TOOL));
    }
    exit(shell);
  }

  /** Data and text of the compiler, as address and bytes. */
  Process compiler() {
    return compiler;
  }

  List<long[]> compilerData() {
    return compilerData;
  }

  List<long[]> compilerText() {
    return compilerText;
  }

  /** What the ends of all address spaces since the start did: exits, and programs replaced. */
  Amounts teardowns() {
    return teardowns;
  }

  private void exit(Process process) {
    exits = exits.plus(tearDown(process));
  }

  private Amounts tearDown(Process process) {
    KernelCounters.Snapshot before = kernel.counters().snapshot();
    process.exit();
    Amounts counted = Amounts.of(kernel.counters().snapshot().minus(before));
    teardowns = teardowns.plus(counted);
    return counted;
  }

  private Process forkAndExecute(Process parent, int program, Behaviour behaviour) {
    Process child = parent.fork();
    writeStack(child);
    writeStack(parent);
    // execve: the copy of the parent goes, another address space comes.
    tearDown(child);
    Process next = kernel.spawn();
    execute(next, program, behaviour);
    return next;
  }

  private void writeStack(Process process) {
    for (int page = 1; page <= STACK_PAGES_WRITTEN; page++) {
      touch(process, STACK_TOP - page * TOUCH, true);
    }
  }

  private void execute(Process process, int program, Behaviour behaviour) {
    kernel.counters().count(Primitive.PROCESS_EXEC);
    List<long[]> data = new ArrayList<>();
    List<long[]> text = new ArrayList<>();
    long stack = STACK_BYTES + granule - 1 & -granule;
    require(process.mmap(STACK_TOP - stack, stack, READ_WRITE, fixed(), null, 0) > 0);
    map(process, IMAGE, behaviour.image(), programs.get(program), data, text);
    map(process, 0, LINKER, linker, data, text);
    map(process, 0, LIBC, libc, data, text);
    for (long used = 0; used < behaviour.stack(); used += TOUCH) {
      touch(process, STACK_TOP - used - TOUCH, true);
    }
    data.add(new long[] {STACK_TOP - behaviour.stack(), behaviour.stack()});
    long brk = heapStart(behaviour.image());
    for (long grown = 0; grown < behaviour.heap(); ) {
      long step = 132 * KIB + granule - 1 & -granule;
      require(process.mmap(brk + grown, step, READ_WRITE, fixed(), null, 0) > 0);
      fill(process, brk + grown, step);
      data.add(new long[] {brk + grown, step});
      grown += step;
    }
    for (int chunk = 0; chunk < behaviour.chunks(); chunk++) {
      long at = process.mmap(0, CHUNK, READ_WRITE, ANON, null, 0);
      require(at > 0);
      fill(process, at, CHUNK);
      data.add(new long[] {at, CHUNK});
    }
    compilerData = behaviour == COMPILER ? data : compilerData;
    compilerText = behaviour == COMPILER ? text : compilerText;
  }

  private static int fixed() {
    return ANON | Mman.MAP_FIXED;
  }

  /** Linux puts the break at a random page behind the image. */
  private long heapStart(Image image) {
    long end = IMAGE + aligned(image.text()) + aligned(image.data());
    return end + aligned(image.bss()) + random.nextInt(4096) * granule;
  }

  private void map(
      Process process,
      long wanted,
      Image image,
      OpenFile file,
      List<long[]> data,
      List<long[]> text) {
    long textBytes = aligned(image.text());
    long dataBytes = aligned(image.data());
    long at = wanted;
    if (wanted == 0) {
      // Libraries lie where the kernel finds room; text and data of each are adjacent.
      long all = textBytes + dataBytes + aligned(image.bss());
      at = process.mmap(0, all, READ_EXEC, Mman.MAP_PRIVATE, file, 0);
    } else {
      at = process.mmap(at, textBytes, READ_EXEC, Mman.MAP_PRIVATE | Mman.MAP_FIXED, file, 0);
    }
    require(at > 0);
    int flags = Mman.MAP_PRIVATE | Mman.MAP_FIXED;
    require(process.mmap(at + textBytes, dataBytes, READ_WRITE, flags, file, textBytes) > 0);
    useText(process, at, image);
    for (long written = 0; written < image.data(); written += TOUCH) {
      touch(process, at + textBytes + written, true);
    }
    text.add(new long[] {at, textBytes});
    data.add(new long[] {at + textBytes, dataBytes});
    useBss(process, at + textBytes + dataBytes, image, data);
  }

  /** Tables that are looked into before anything is put there, in no order. */
  private void useBss(Process process, long at, Image image, List<long[]> data) {
    if (image.bss() == 0) {
      return;
    }
    long bytes = aligned(image.bss());
    require(process.mmap(at, bytes, READ_WRITE, fixed(), null, 0) > 0);
    List<Long> pages = new ArrayList<>();
    for (long page = at; page < at + image.bss(); page += TOUCH) {
      pages.add(page);
    }
    Collections.shuffle(pages, random);
    for (long page : pages) {
      touch(process, page, false);
      touch(process, page, true);
    }
    data.add(new long[] {at, bytes});
  }

  private void useText(Process process, long at, Image image) {
    long runs = image.text() / TEXT_RUN;
    for (long used = 0; used < image.textUsed(); used += TEXT_RUN) {
      long run = at + random.nextInt((int) runs) * TEXT_RUN;
      for (long page = run; page < run + TEXT_RUN; page += TOUCH) {
        touch(process, page, false);
      }
    }
  }

  private void fill(Process process, long at, long bytes) {
    for (long page = at; page < at + bytes; page += TOUCH) {
      touch(process, page, true);
    }
  }

  private void touch(Process process, long address, boolean write) {
    require(process.touch(address, write) == 0);
  }

  private static void read(OpenFile file, long bytes) {
    for (long at = 0; at < bytes; at += 64 * KIB) {
      require(file.read(at, Math.min(64 * KIB, bytes - at)) > 0);
    }
  }

  /** A new file, written as stdio does: 4 KiB a call. */
  private OpenFile written(long bytes) {
    OpenFile file = kernel.spawn().open(FileKind.EXT4, 0);
    for (long at = 0; at < bytes; at += TOUCH) {
      require(file.write(at, TOUCH) > 0);
    }
    return file;
  }

  /** Bytes that system calls of the unit copy from and to user space. */
  long bytesCopied() {
    return HEADERS_READ + 2 * ASSEMBLY + OBJECT;
  }

  /** Pages that the unit writes to files, in base pages of the kernel. */
  long filePagesWritten() {
    return (ASSEMBLY + OBJECT) / granule;
  }

  private static void require(boolean done) {
    if (!done) {
      throw new IllegalStateException("a call of the compile unit failed");
    }
  }
}
