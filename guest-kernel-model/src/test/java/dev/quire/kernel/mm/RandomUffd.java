package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.NaiveSpace.Kind;
import dev.quire.kernel.uffd.UffdCode;
import dev.quire.kernel.uffd.UffdMessage;
import dev.quire.kernel.uffd.Userfaultfd;
import java.util.HashMap;
import java.util.Map;

/**
 * The userfaultfds of a {@link RandomProgram}, one a process: random calls on them, and the handler
 * that answers whoever waits, with zeros or by ending the protection.
 */
final class RandomUffd {
  private final RandomProgram program;
  private final long pageBytes;
  private final Map<Process, Userfaultfd> open = new HashMap<>();

  RandomUffd(RandomProgram program, long pageBytes) {
    this.program = program;
    this.pageBytes = pageBytes;
  }

  private Userfaultfd of(RandomProgram.Pair pair, int argument) {
    Userfaultfd uffd = open.get(pair.real());
    if (uffd == null) {
      uffd = Userfaultfd.open(pair.real(), UffdCode.O_NONBLOCK);
      long features = argument % 3 == 0 ? UffdFeature.WP_UNPOPULATED : 0;
      features |= argument % 5 == 0 ? UffdFeature.WP_ASYNC : 0;
      features |= argument % 7 == 0 ? UffdFeature.EVENT_REMAP : 0;
      assertThat(uffd.api(UffdCode.API, features)).isZero();
      open.put(pair.real(), uffd);
    }
    return uffd;
  }

  /** Answers messages until somebody who was blocked can go on; what they wait for is done. */
  void answer(RandomProgram.Pair pair) {
    Userfaultfd uffd = open.get(pair.real());
    for (UffdMessage message = uffd.read(); message != null; message = uffd.read()) {
      if (message.event() != UffdMessage.Event.PAGEFAULT) {
        continue;
      }
      long address = message.address();
      int page = program.page(address);
      if ((message.flags() & UffdMessage.WP) != 0) {
        assertThat(uffd.writeProtect(address, pageBytes, 0)).as("end of protection").isZero();
      } else if ((message.flags() & UffdMessage.MINOR) != 0) {
        assertThat(uffd.continueRange(address, pageBytes, 0)).as("continue").isZero();
      } else {
        assertThat(uffd.zeropage(address, pageBytes, 0)).as("zeropage").isIn(0L, -17L);
        zeroed(pair.naive(), page);
      }
    }
  }

  /** A page that was missing is there now: only a private page of a file can show others. */
  private static void zeroed(NaiveSpace naive, int page) {
    if (naive.kind[page] == Kind.FILE_PRIVATE) {
      naive.content[page] = NaiveSpace.ZERO;
    }
  }

  /** Repeats or continues what a process waits for until it is done. */
  long finish(RandomProgram.Pair pair) {
    long result = Process.BLOCKED;
    while (result == Process.BLOCKED) {
      answer(pair);
      UffdWait wait = pair.real().blockedOn();
      assertThat(wait.woken()).as("woken by the answer").isTrue();
      result = wait.resume();
    }
    return result;
  }

  /** Whether a move of several mappings would end half-way, at one that is registered. */
  boolean stopsMove(RandomProgram.Pair pair, int page, int pages) {
    VmaTree tree = pair.real().mm().vmas();
    int first = tree.indexAfter(program.address(page));
    int count = 0;
    boolean armed = false;
    for (int i = first; i < tree.size(); i++) {
      if (tree.get(i).start() >= program.address(page + pages)) {
        break;
      }
      count++;
      armed |= tree.get(i).isUffdArmed();
    }
    return armed && count > 1;
  }

  void run(RandomStep step, RandomProgram.Pair pair, int page, int pages) {
    Userfaultfd uffd = of(pair, step.argument());
    long start = program.address(page);
    long bytes = pages * pageBytes;
    switch (step.action()) {
      case UFFD_REGISTER -> {
        // Much at once, or accesses would seldom meet it.
        long most = (RandomProgram.WINDOW - page) * pageBytes;
        uffd.register(start, Math.min(bytes * 16, most), 1 + step.argument() % 7);
      }
      case UFFD_UNREGISTER -> assertThat(uffd.unregister(start, bytes)).isIn(0L, -22L);
      case UFFD_PROTECT -> uffd.writeProtect(start, bytes, step.argument() % 2);
      case UFFD_ZEROPAGE -> {
        uffd.zeropage(start, bytes, 0);
        for (int i = 0; i < uffd.out() / pageBytes; i++) {
          zeroed(pair.naive(), page + i);
        }
      }
      case UFFD_CONTINUE -> uffd.continueRange(start, bytes, 0);
      case UFFD_COPY -> copy(pair, uffd, page, pages, step.argument() % RandomProgram.WINDOW);
      case UFFD_MOVE -> move(pair, uffd, page, pages, step.argument() % RandomProgram.WINDOW);
      case UFFD_CLOSE -> {
        uffd.close();
        open.remove(pair.real());
      }
      default -> throw new IllegalStateException(step.toString());
    }
  }

  private void copy(RandomProgram.Pair pair, Userfaultfd uffd, int to, int most, int from) {
    int pages = Math.min(most, RandomProgram.WINDOW - from);
    long wp = 0;
    long result = uffd.copy(program.address(to), program.address(from), pages * pageBytes, wp);
    if (result == Process.BLOCKED) {
      finish(pair);
    }
    for (int i = 0; i < uffd.out() / pageBytes; i++) {
      pair.naive().write(to + i, pair.naive().shows(from + i));
    }
  }

  private void move(RandomProgram.Pair pair, Userfaultfd uffd, int to, int most, int from) {
    int pages = Math.min(most, Math.min(RandomProgram.WINDOW - from, Math.abs(to - from)));
    if (pages > 0) {
      uffd.move(
          program.address(to), program.address(from), pages * pageBytes, UffdCode.MOVE_ALLOW_HOLES);
    }
    for (int i = 0; i < uffd.out() / pageBytes; i++) {
      pair.naive().content[to + i] = pair.naive().content[from + i];
      pair.naive().content[from + i] = NaiveSpace.ZERO;
    }
  }
}
