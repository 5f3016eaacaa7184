package dev.quire.lab.replay;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.UserSignal;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.function.Function;

/** Operations that load and store bytes, from user space and through pipes. */
final class ByteCalls {
  /** Bytes that one operation may load or store. */
  private static final int MOST_BYTES = 1 << 20;

  private static final int WORD_BYTES = Long.BYTES;

  private ByteCalls() {}

  static void addTo(Map<String, Function<Words, SessionCall>> calls) {
    calls.put("get", ByteCalls::get);
    calls.put("set", ByteCalls::set);
    calls.put("mem", words -> store(words.address(), bytes(words)));
    calls.put("words", ByteCalls::words);
    calls.put("peek", ByteCalls::peek);
    calls.put("sysread", words -> piped(words, PipeCall.Kind.READ));
    calls.put("syswrite", words -> piped(words, PipeCall.Kind.WRITE));
    calls.put("vmsplice", words -> piped(words, PipeCall.Kind.SPLICE));
  }

  private static SessionCall get(Words words) {
    long address = words.address();
    return (actor, handle) ->
        new Execution(actor) {
          @Override
          boolean step(Answer answer, long resumed) {
            int signal = actor.access(address, false, 0);
            if (signal == UserSignal.BLOCKED) {
              return false;
            }
            answer.signal(signal, address);
            if (signal == UserSignal.NONE) {
              answer.put("value", actor.load(address));
            }
            return true;
          }
        };
  }

  private static SessionCall set(Words words) {
    long address = words.address();
    int value = (int) words.number("V", 0xff);
    return (actor, handle) ->
        new Execution(actor) {
          @Override
          boolean step(Answer answer, long resumed) {
            int signal = actor.access(address, true, value);
            if (signal == UserSignal.BLOCKED) {
              return false;
            }
            answer.signal(signal, address);
            return true;
          }
        };
  }

  private static byte[] bytes(Words words) {
    String digits = words.word("HEX");
    if (!digits.matches("([0-9a-fA-F]{2})+")) {
      throw new BadOpException("'" + digits + "' is not bytes of two hexadecimal digits each");
    }
    return HexFormat.of().parseHex(digits);
  }

  private static SessionCall words(Words words) {
    long address = words.address();
    long first = words.unsigned("V");
    int count = 1;
    long step = 0;
    if (words.hasNext()) {
      count = (int) words.number("COUNT", MOST_BYTES / WORD_BYTES);
      step = words.unsigned("STEP");
    }
    byte[] bytes = new byte[count * WORD_BYTES];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (first + i / WORD_BYTES * step >>> Byte.SIZE * (i % WORD_BYTES));
    }
    return store(address, bytes);
  }

  private static SessionCall store(long address, byte[] bytes) {
    return (actor, handle) ->
        new Execution(actor) {
          private int stored;

          @Override
          boolean step(Answer answer, long resumed) {
            while (stored < bytes.length) {
              int signal = actor.access(address + stored, true, bytes[stored]);
              if (signal == UserSignal.BLOCKED) {
                return false;
              }
              if (signal != UserSignal.NONE) {
                answer.signal(signal, address + stored);
                return true;
              }
              stored++;
            }
            answer.put(ObservedFields.RET, 0);
            return true;
          }
        };
  }

  private static SessionCall peek(Words words) {
    long address = words.address();
    int count = (int) words.number("N", MOST_BYTES);
    return (actor, handle) ->
        new Execution(actor) {
          private final byte[] loaded = new byte[count];
          private int done;

          @Override
          boolean step(Answer answer, long resumed) {
            while (done < count) {
              int signal = actor.access(address + done, false, 0);
              if (signal == UserSignal.BLOCKED) {
                return false;
              }
              if (signal != UserSignal.NONE) {
                answer.signal(signal, address + done);
                return true;
              }
              loaded[done] = (byte) actor.load(address + done);
              done++;
            }
            answer.signal(UserSignal.NONE, address);
            answer.put("data", HexFormat.of().formatHex(loaded));
            return true;
          }
        };
  }

  private static SessionCall piped(Words words, PipeCall.Kind kind) {
    PageRange range = words.range();
    return (actor, handle) -> new PipeCall(actor, kind, range);
  }

  /**
   * read(2) from a filled pipe, write(2) to an empty one, vmsplice(2) to one (Linux v6.18
   * fs/pipe.c, fs/splice.c). A pipe has 16 buffers of a page; what could not be copied whole does
   * not count.
   */
  private static final class PipeCall extends Execution {
    /** How user memory meets the pipe. */
    enum Kind {
      READ,
      WRITE,
      SPLICE
    }

    private static final long PIPE_BYTES = 16L * PageRange.PAGE_BYTES;
    private static final byte[] FULL_BUFFER = new byte[PageRange.PAGE_BYTES];

    static {
      Arrays.fill(FULL_BUFFER, (byte) 0x5c);
    }

    private final SessionProcess actor;
    private final Kind kind;
    private final PageRange range;
    private long copied;

    PipeCall(SessionProcess actor, Kind kind, PageRange range) {
      super(actor);
      this.actor = actor;
      this.kind = kind;
      this.range = range;
    }

    @Override
    boolean step(Answer answer, long resumed) {
      boolean read = kind == Kind.READ;
      long bytes = Long.compareUnsigned(range.bytes(), PIPE_BYTES) > 0 ? PIPE_BYTES : range.bytes();
      while (copied < bytes) {
        long address = range.address() + copied;
        int signal = actor.kernelAccess(address, read);
        if (signal == UserSignal.BLOCKED) {
          return false;
        }
        if (signal != UserSignal.NONE) {
          // A splice takes all pages or none; a copy is told in whole buffers of the pipe.
          long whole = kind == Kind.SPLICE ? 0 : copied & -PageRange.PAGE_BYTES;
          answer.result(whole == 0 ? -Errno.EFAULT : whole);
          return true;
        }
        long inPage = PageRange.PAGE_BYTES - (address & PageRange.PAGE_BYTES - 1);
        long inBuffer = PageRange.PAGE_BYTES - copied % PageRange.PAGE_BYTES;
        int count = (int) Math.min(bytes - copied, Math.min(inPage, inBuffer));
        if (read) {
          actor.storeAll(address, FULL_BUFFER, count);
        }
        copied += count;
      }
      answer.result(copied);
      return true;
    }
  }
}
