package dev.quire.lab.replay;

import dev.quire.lab.replay.ScriptOp.Backing;
import dev.quire.lab.replay.ScriptOp.Call;
import dev.quire.lab.replay.TouchOrder.Direction;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Parses operations: the table of all that are known. {@code c:} in front gives an operation to the
 * forked child; handles ({@code @NAME}) and helper threads ({@code tK:}) belong to operations that
 * this version does not run.
 */
final class OpParser {
  /** mmap's PROT_READ, PROT_WRITE and PROT_EXEC (Linux, all architectures). */
  static final int PROT_READ = 1;

  static final int PROT_WRITE = 2;
  static final int PROT_EXEC = 4;

  /** Pages that one touch can visit. */
  static final int MOST_TOUCHES = 1 << 20;

  private static final int LONGEST = 4096;
  private static final long SEED_WITHOUT_ONE = 1;
  private static final Pattern RUNNER = Pattern.compile("(c|t[0-9]{1,4}): ?");
  private static final Pattern HANDLE = Pattern.compile("@[A-Za-z0-9_]{1,32} ");

  private static final Map<String, Function<Words, Call>> CALLS = new LinkedHashMap<>();

  /** Known operations of userfaultfd scripts that need more than this version has. */
  private static final Set<String> LATER =
      Set.of(
          "get",
          "set",
          "mem",
          "words",
          "peek",
          "sysread",
          "syswrite",
          "vmsplice",
          "pages",
          "pmscan",
          "close",
          "dup",
          "reopen_ro",
          "reopen_rw",
          "fallocate",
          "fstat",
          "readlink",
          "fchmod",
          "fcntl",
          "lseek",
          "pread",
          "pwrite",
          "rawread",
          "rawwrite",
          "uffd",
          "uffd_dev",
          "uffd_dev_ioctl",
          "uffd_api",
          "register",
          "unregister",
          "copy",
          "zeropage",
          "continue",
          "poison",
          "move",
          "wp",
          "wake",
          "uffd_ioctl",
          "poll",
          "event",
          "uffd_read",
          "join",
          "cjoin");

  static {
    CALLS.put("map", words -> map(words, Backing.PRIVATE));
    CALLS.put("mapshared", words -> map(words, Backing.SHARED));
    CALLS.put("mappopulate", words -> map(words, Backing.PRIVATE_POPULATED));
    CALLS.put("mapf", OpParser::mapFile);
    CALLS.put("munmap", words -> new ScriptOp.Unmap(words.range()));
    CALLS.put("mprotect", words -> new ScriptOp.Protect(words.range(), protection(words)));
    CALLS.put("mremap", OpParser::remap);
    CALLS.put("madv", words -> new ScriptOp.Advise(words.range(), advice(words)));
    CALLS.put("mlock", words -> new ScriptOp.Lock(words.range()));
    CALLS.put("munlock", words -> new ScriptOp.Unlock(words.range()));
    CALLS.put("mincore", words -> new ScriptOp.InCore(words.range()));
    CALLS.put("touch", OpParser::touch);
    CALLS.put("open", OpParser::open);
    CALLS.put("fwrite", words -> writeFile(words, false));
    CALLS.put("fwritebig", words -> writeFile(words, true));
    CALLS.put("fread", words -> new ScriptOp.ReadFile(words.bytes("OFF"), words.bytes("N")));
    CALLS.put("fsync", words -> new ScriptOp.SyncFile());
    CALLS.put("fdropcache", words -> new ScriptOp.DropCache(words.bytes("OFF"), words.bytes("N")));
    CALLS.put("fpunch", words -> new ScriptOp.PunchHole(words.bytes("OFF"), words.bytes("N")));
    CALLS.put("ffalloc", words -> new ScriptOp.AllocateFile(words.bytes("OFF"), words.bytes("N")));
    CALLS.put("ftruncate", words -> new ScriptOp.Truncate(words.bytes("N")));
    CALLS.put("fork", words -> new ScriptOp.Fork());
    CALLS.put("cexit", words -> new ScriptOp.ChildExit());
    CALLS.put("state", words -> new ScriptOp.State());
  }

  private OpParser() {}

  /**
   * Parses one operation.
   *
   * @throws BadOpException if it is not one
   */
  static ScriptOp parse(String text) {
    if (text.length() > LONGEST) {
      throw new BadOpException("longer than " + LONGEST + " characters");
    }
    String rest = text;
    Matcher runner = RUNNER.matcher(rest);
    boolean child = false;
    boolean later = false;
    if (runner.lookingAt()) {
      child = runner.group(1).equals("c");
      later = !child;
      rest = rest.substring(runner.end());
    }
    String own = rest;
    Matcher handle = HANDLE.matcher(rest);
    if (handle.lookingAt()) {
      later = true;
      rest = rest.substring(handle.end());
    }
    return new ScriptOp(own, child, call(rest, later));
  }

  private static Call call(String text, boolean later) {
    Words words = new Words(text);
    String name = words.word("an operation");
    if (LATER.contains(name) || later && CALLS.containsKey(name)) {
      return new ScriptOp.Unsupported(name);
    }
    Function<Words, Call> parser = CALLS.get(name);
    if (parser == null) {
      throw new BadOpException("unknown operation '" + name + "'");
    }
    Call call = parser.apply(words);
    if (!(call instanceof ScriptOp.Unsupported)) {
      words.end();
    }
    return call;
  }

  private static Call map(Words words, Backing backing) {
    return new ScriptOp.Map(words.range(), protection(words), backing);
  }

  private static Call mapFile(Words words) {
    PageRange range = words.range();
    int protection = protection(words);
    String sharing = words.word("s or p");
    if (!sharing.equals("s") && !sharing.equals("p")) {
      throw new BadOpException("'" + sharing + "' is neither s (shared) nor p (private)");
    }
    return new ScriptOp.MapFile(range, protection, sharing.equals("s"), words.bytes("OFF"));
  }

  private static Call remap(Words words) {
    PageRange from = words.range();
    PageRange to = words.range();
    boolean dontUnmap = words.hasNext();
    if (dontUnmap && !words.word("dontunmap").equals("dontunmap")) {
      throw new BadOpException("the word after N2 can only be dontunmap");
    }
    return new ScriptOp.Remap(from, to, dontUnmap);
  }

  private static Call touch(Words words) {
    String access = words.word("r or w");
    if (!access.equals("r") && !access.equals("w")) {
      throw new BadOpException("'" + access + "' is neither r (read) nor w (write)");
    }
    long address = words.address();
    int count = (int) words.number("COUNT", MOST_TOUCHES);
    long stride = words.number("STRIDE", PageRange.MOST_PAGES);
    String order = words.word("seq, rev or rand");
    Direction direction = Direction.named(order);
    if (direction == null) {
      throw new BadOpException("'" + order + "' is not one of seq, rev, rand");
    }
    long seed = words.hasNext() ? words.number("SEED", Long.MAX_VALUE) : SEED_WITHOUT_ONE;
    long last = address + Math.max(0, count - 1) * stride * PageRange.PAGE_BYTES;
    if (last < address || last >= PageRange.END) {
      throw new BadOpException("the last page lies above page " + PageRange.MOST_PAGES);
    }
    return new ScriptOp.Touch(access.equals("w"), address, count, stride, direction, seed);
  }

  private static Call open(Words words) {
    String kind = words.word("memfd, tmpfs, ext4 or gmem");
    FileType type = FileType.named(kind);
    if (type == null && kind.equals("hugetlb")) {
      return new ScriptOp.Unsupported("open hugetlb");
    }
    if (type == null) {
      throw new BadOpException("'" + kind + "' is not one of memfd, tmpfs, ext4, gmem, hugetlb");
    }
    return new ScriptOp.Open(type, words.bytes("N"));
  }

  private static Call writeFile(Words words, boolean atOnce) {
    return new ScriptOp.WriteFile(words.bytes("OFF"), words.bytes("N"), atOnce);
  }

  private static Advice advice(Words words) {
    String name = words.word("the advice");
    Advice advice = Advice.named(name);
    if (advice == null) {
      throw new BadOpException("unknown advice '" + name + "'");
    }
    return advice;
  }

  private static int protection(Words words) {
    String letters = words.word("the protection");
    if (letters.equals("none")) {
      return 0;
    }
    int protection = 0;
    for (int i = 0; i < letters.length(); i++) {
      int bit =
          switch (letters.charAt(i)) {
            case 'r' -> PROT_READ;
            case 'w' -> PROT_WRITE;
            case 'x' -> PROT_EXEC;
            default -> 0;
          };
      if (bit == 0 || (protection & bit) != 0) {
        throw new BadOpException("protection '" + letters + "' is not letters of rwx, or none");
      }
      protection |= bit;
    }
    return protection;
  }
}
