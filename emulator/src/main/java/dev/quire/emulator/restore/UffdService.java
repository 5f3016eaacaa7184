package dev.quire.emulator.restore;

import dev.quire.emulator.machine.HostWait;
import dev.quire.emulator.restore.HostMeter.Share;
import dev.quire.emulator.restore.UffdCall.Source;
import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.KernelAddressSpace;
import dev.quire.kernel.uffd.UffdCode;
import dev.quire.kernel.uffd.UffdMessage;
import dev.quire.kernel.uffd.Userfaultfd;
import java.util.function.BooleanSupplier;

/**
 * Guest memory behind a userfaultfd: vCPUs that wait, the handler that answers them, and the ioctls
 * it makes. Machine thread only.
 */
final class UffdService implements HostWait, UffdCalls, AutoCloseable {
  /**
   * Messages about one access after which its handler is no help. Two are needed where a page was
   * missing and then is write-protected.
   */
  private static final int MOST_REPEATS = 64;

  /** Where a handler maps the file behind guest memory. */
  private static final long FILL_ADDRESS = 1L << 41;

  private final RestoreHost host;
  private final Userfaultfd uffd;
  private final PageAnswer answer;

  /** Of the handler's own mapping of the file; null where it fills by write(2) or not at all. */
  private KernelAddressSpace fillMapping;

  private boolean fillByWrite;
  private HandlerThreads threads;
  private BooleanSupplier stopped = () -> false;

  /** What a vCPU waits for now; null while nobody waits. */
  private PageFault waiting;

  /** Messages about one access, woken without being helped. */
  private int repeats;

  private long messages;
  private long ioctls;
  private boolean dead;

  /** Opens a userfaultfd for the VMM; answers go to {@code answer}'s ioctl. */
  UffdService(RestoreHost host, PageAnswer answer) {
    this.host = host;
    this.answer = answer;
    uffd = Userfaultfd.open(host.vmm(), UffdCode.O_CLOEXEC | UffdCode.O_NONBLOCK);
    require(uffd.api(UffdCode.API, 0), "UFFDIO_API");
    // The source of a copy is the snapshot's: its faults are taken by SnapshotSource.
    uffd.setCaller(null);
  }

  private static void require(long result, String call) {
    if (result != 0) {
      throw new IllegalStateException(call + " gives " + result);
    }
  }

  /**
   * Registers all of guest memory.
   *
   * @throws RestoreRefusedException if Linux refuses it
   */
  void register(long modes) {
    for (GuestLayout.Region region : layout().regions()) {
      long result = uffd.register(region.address(), region.bytes(), modes);
      if (result != 0) {
        throw new RestoreRefusedException(
            "UFFDIO_REGISTER of guest memory backed by %s gives errno %d"
                .formatted(host.settings().hostPages(), -result));
      }
    }
  }

  /** Has {@link UffdOps#fill} go by write(2). */
  void fillByWrite() {
    fillByWrite = true;
  }

  /** Has {@link UffdOps#fill} go by memcpy through a mapping of the handler's own. */
  void fillByMapping() {
    fillMapping = host.mapElsewhere(FILL_ADDRESS);
  }

  /** Starts the handler; what it does before it returns is part of the restore. */
  void start(UffdHandler handler) {
    threads =
        new HandlerThreads(
            handler,
            host.settings().readers(),
            host.settings().deadline(),
            this,
            () -> stopped.getAsBoolean());
    Share before = host.meter().enter(Share.EAGER);
    threads.turn("the start", UffdHandler::open);
    host.meter().enter(before);
    host.guestHost().setWait(this);
  }

  /** What tells that the run was told to end. */
  void setStopped(BooleanSupplier told) {
    stopped = told;
  }

  /** The handler's way to answer. */
  PageAnswer answer() {
    return answer;
  }

  String handlerName() {
    return threads.handler().name();
  }

  /** Faults that became messages. */
  long messages() {
    return messages;
  }

  /** ioctls that handlers made. */
  long ioctls() {
    return ioctls;
  }

  /** Wall-clock time of handlers, their calls included. */
  long handlerWallNanos() {
    return threads.wallNanos();
  }

  /** A vCPU's access begins. */
  void beginAccess() {
    repeats = 0;
  }

  @Override
  public String await(long gpa, boolean write) {
    UffdMessage message = uffd.read();
    if (message == null) {
      return "gpa 0x%x waits, but nothing can be read from the userfaultfd".formatted(gpa);
    }
    messages++;
    PageFault fault = pageFault(message);
    if (repeats++ == MOST_REPEATS) {
      dead = true;
      return "handler '%s' wakes the %s again and again without a page"
          .formatted(threads.handler().name(), fault);
    }
    String problem = answer(fault);
    host.meter().enter(Share.FAULT);
    return problem;
  }

  private PageFault pageFault(UffdMessage message) {
    int flags = message.flags();
    PageFault.Kind kind =
        (flags & UffdMessage.WP) != 0
            ? PageFault.Kind.WRITE_PROTECTED
            : (flags & UffdMessage.MINOR) != 0 ? PageFault.Kind.MINOR : PageFault.Kind.MISSING;
    long address = message.address() & -layout().pageBytes();
    return new PageFault(kind, address, layout().gpaOf(address), (flags & UffdMessage.WRITE) != 0);
  }

  /** Null if the vCPU can go on. */
  private String answer(PageFault fault) {
    waiting = fault;
    host.meter().enter(Share.HANDLER);
    try {
      if (!threads.turn(fault.toString(), (handler, ops) -> handler.fault(fault, ops))) {
        return "the run was told to end while the handler was answering";
      }
      if (!host.vmm().blockedOn().woken()) {
        dead = true;
        return "handler '%s' returned without an answer to the %s"
            .formatted(threads.handler().name(), fault);
      }
      waiting = null;
      host.meter().enter(Share.BACKGROUND);
      threads.turn("the time between faults", UffdHandler::idle);
      return null;
    } catch (HandlerDeadException failure) {
      dead = true;
      return failure.getMessage();
    } finally {
      waiting = null;
    }
  }

  /**
   * Tells the handler that the guest ended well.
   *
   * @throws HandlerDeadException if it does not take it well
   */
  void finish() {
    if (!dead) {
      Share before = host.meter().enter(Share.BACKGROUND);
      threads.turn("the end", (handler, ops) -> handler.close());
      host.meter().enter(before);
    }
  }

  @Override
  public void close() {
    if (threads != null) {
      threads.close();
    }
  }

  @Override
  public GuestLayout layout() {
    return host.layout();
  }

  @Override
  public void execute(UffdCall call) {
    if (call.bytes() <= 0) {
      throw new UffdCallException(call.text(), Errno.EINVAL, 0);
    }
    switch (call) {
      case UffdCall.Copy copy -> copy(copy);
      case UffdCall.Fill fill -> fill(fill);
      case UffdCall.Plain plain -> plain(plain);
    }
  }

  private void copy(UffdCall.Copy call) {
    long from = sourceAddress(call, call.source());
    byStep(call, done -> uffd.copy(call.address() + done, from + done, call.bytes() - done, 0));
  }

  /** Where the contents are in the handler's process, faulted in there. */
  private long sourceAddress(UffdCall call, Source source) {
    if (source.buffer() != null) {
      return host.source().addressOf(source.buffer());
    }
    long end = source.fileOffset() + call.bytes();
    if (source.fileOffset() < 0 || end < 0 || end > layout().bytes()) {
      throw new UffdCallException(call.text() + " from beyond the memory file", Errno.EFAULT, 0);
    }
    host.source().touch(source.fileOffset(), call.bytes());
    return host.source().addressOf(source.fileOffset());
  }

  private void fill(UffdCall.Fill call) {
    if (!fillByWrite && fillMapping == null) {
      throw new UffdCallException(call.text() + " of private memory", Errno.EINVAL, 0);
    }
    GuestLayout.Region region = layout().find(call.address());
    if (region == null || call.bytes() > region.bytes() - (call.address() - region.address())) {
      throw new UffdCallException(call.text(), Errno.ENOENT, 0);
    }
    long at = layout().fileOffsetOf(call.address());
    long from = sourceAddress(call, call.source());
    if (fillByWrite) {
      host.write(at, call.bytes(), from);
    } else {
      host.memcpy(fillMapping, FILL_ADDRESS + at, from, call.bytes());
    }
  }

  private void plain(UffdCall.Plain call) {
    long address = call.address();
    switch (call.op()) {
      case ZERO -> byStep(call, done -> uffd.zeropage(address + done, call.bytes() - done, 0));
      case RESUME ->
          byStep(call, done -> uffd.continueRange(address + done, call.bytes() - done, 0));
      case POISON -> byStep(call, done -> uffd.poison(address + done, call.bytes() - done, 0));
      case WAKE -> {
        ioctls++;
        long result = uffd.wake(address, call.bytes());
        if (result != 0) {
          throw new UffdCallException(call.text(), (int) -result, 0);
        }
      }
    }
  }

  /** An ioctl that may do a part. */
  private interface Step {
    long call(long doneBytes);
  }

  /** Repeats an ioctl from where it stopped, as handlers do about EAGAIN; then keeps the books. */
  private void byStep(UffdCall call, Step step) {
    long done = 0;
    while (done < call.bytes()) {
      ioctls++;
      long result = step.call(done);
      long out = uffd.out();
      if (result == 0) {
        done = call.bytes();
      } else if (result == -Errno.EAGAIN && out > 0 && out != Userfaultfd.UNTOUCHED) {
        done += out;
      } else {
        populated(call, done);
        throw new UffdCallException(call.text(), (int) -result, done);
      }
    }
    populated(call, done);
  }

  /**
   * The page that a vCPU waits for is its handler's; all others came before they were asked for.
   */
  private void populated(UffdCall call, long bytes) {
    if (bytes == 0 || call instanceof UffdCall.Plain plain && plain.op() == UffdCall.Op.POISON) {
      return;
    }
    long start = call.address();
    if (waiting != null && waiting.address() >= start && waiting.address() - start < bytes) {
      host.populated(waiting.address(), layout().pageBytes(), Populator.HANDLER);
    }
    host.populated(start, bytes, Populator.PREFETCH);
  }
}
