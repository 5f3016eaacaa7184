package dev.quire.lab.replay;

import dev.quire.lab.replay.ScriptOp.Backing;
import dev.quire.lab.replay.ScriptOp.Call;
import dev.quire.lab.replay.TouchOrder.Direction;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * Parses operations: the table of those that all scripts know. {@code c:} in front gives an
 * operation to the forked child; what sessions know besides is {@link SessionParser}'s.
 */
final class OpParser {
  /** mmap's PROT_READ, PROT_WRITE and PROT_EXEC (Linux, all architectures). */
  static final int PROT_READ = 1;

  static final int PROT_WRITE = 2;
  static final int PROT_EXEC = 4;

  /** Pages that one touch can visit. */
  static final int MOST_TOUCHES = 1 << 20;

  static final int LONGEST = 4096;
  private static final long SEED_WITHOUT_ONE = 1;
  private static final String CHILD = "c:";

  private static final Map<String, Function<Words, Call>> CALLS = new LinkedHashMap<>();

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
    boolean child = text.startsWith(CHILD);
    String own = child ? text.substring(CHILD.length()).replaceFirst("^ ", "") : text;
    Words words = new Words(own);
    Call call = call(words.word("an operation"), words);
    if (call == null) {
      throw new BadOpException("unknown operation '" + own.split(" ", -1)[0] + "'");
    }
    return new ScriptOp(own, child, call);
  }

  /** The operation of a name with the words behind it, or null if there is none of that name. */
  static Call call(String name, Words words) {
    Function<Words, Call> parser = CALLS.get(name);
    if (parser == null) {
      return null;
    }
    Call call = parser.apply(words);
    words.end();
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
    words.last(address, last);
    return new ScriptOp.Touch(access.equals("w"), address, count, stride, direction, seed);
  }

  private static Call open(Words words) {
    String kind = words.word("memfd, tmpfs, ext4, gmem or hugetlb");
    FileType type = FileType.named(kind);
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
