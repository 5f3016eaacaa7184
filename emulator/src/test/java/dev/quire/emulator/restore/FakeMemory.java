package dev.quire.emulator.restore;

import dev.quire.emulator.restore.GuestLayout.Region;
import dev.quire.kernel.mm.Errno;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/** Guest memory of handlers under test: which pages are there, and what was asked for. */
final class FakeMemory implements UffdCalls {
  static final long PAGE = 4096;

  /** Two regions of 64 and 32 pages with a hole in guest physical addresses between them. */
  static final GuestLayout LAYOUT =
      new GuestLayout(
          List.of(
              new Region(0, 0x10000000, 64 * PAGE, 0),
              new Region(0x100000, 0x20000000, 32 * PAGE, 64 * PAGE)),
          PAGE);

  final List<String> calls = new ArrayList<>();
  final BitSet there = new BitSet();
  final BitSet cached = new BitSet();

  @Override
  public GuestLayout layout() {
    return LAYOUT;
  }

  boolean isThere(PageFault fault) {
    return there.get(page(fault.address()));
  }

  static int page(long address) {
    return (int) (LAYOUT.fileOffsetOf(address) / PAGE);
  }

  static PageFault fault(int page) {
    long gpa = LAYOUT.gpaAt(page * PAGE);
    return new PageFault(PageFault.Kind.MISSING, LAYOUT.addressOf(gpa), gpa, false);
  }

  @Override
  public void execute(UffdCall call) {
    calls.add(call.text());
    if (LAYOUT.find(call.address()) == null) {
      throw new UffdCallException(call.text(), Errno.ENOENT, 0);
    }
    int first = page(call.address());
    for (int page = first; page < first + call.bytes() / PAGE; page++) {
      switch (call) {
        case UffdCall.Fill fill -> cached.set(page);
        case UffdCall.Plain plain when plain.op() == UffdCall.Op.WAKE -> {}
        default -> {
          if (there.get(page)) {
            throw new UffdCallException(call.text(), Errno.EEXIST, (page - first) * PAGE);
          }
          there.set(page);
        }
      }
    }
  }
}
