package dev.quire.kernel.uffd;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.FaultContext;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.UffdContext;
import dev.quire.kernel.mm.UffdFeature;
import dev.quire.kernel.mm.UffdMemory;
import dev.quire.kernel.mm.UffdMemory.Fill;
import dev.quire.kernel.mm.UffdWait;
import dev.quire.kernel.mm.VmFault;
import dev.quire.kernel.mm.VmFlags;
import dev.quire.kernel.stat.Primitive;

/**
 * One open userfaultfd (Linux v6.18 fs/userfaultfd.c). Calls answer what Linux answers: 0, or
 * -errno of {@link Errno}; addresses and lengths are bytes and may be anything. The caller is
 * privileged (CAP_SYS_PTRACE). Used on the kernel's thread.
 */
public final class Userfaultfd implements UffdContext {
  /** {@link #out} of a call that did not write the structure's output member. */
  public static final long UNTOUCHED = Long.MIN_VALUE;

  private static final int FLAGS =
      UffdCode.O_CLOEXEC | UffdCode.O_NONBLOCK | UffdCode.USER_MODE_ONLY;

  private static final long REGISTER_MODES =
      UffdCode.REGISTER_MISSING | UffdCode.REGISTER_WP | UffdCode.REGISTER_MINOR;

  private final Process owner;
  private final int flags;
  private final UffdMemory memory;
  private final FaultQueues faults;
  private final EventQueue events;
  private Process caller;
  private boolean initialised;
  private boolean released;
  private long features;
  private long out = UNTOUCHED;
  private long ioctls;

  private Userfaultfd(Process owner, int flags) {
    this.owner = owner;
    this.flags = flags;
    this.memory = owner.kernel().uffd();
    this.faults = new FaultQueues(owner.kernel().counters());
    this.events = new EventQueue(owner.kernel().counters());
    this.caller = owner;
  }

  /** Why userfaultfd(2) and USERFAULTFD_IOC_NEW refuse flags: 0 or -errno. */
  public static long openError(long flags) {
    return (flags & ~FLAGS) != 0 ? -Errno.EINVAL : 0;
  }

  /**
   * userfaultfd(2), and USERFAULTFD_IOC_NEW.
   *
   * @param flags of {@link UffdCode}; {@link #openError} says whether they are legal
   */
  public static Userfaultfd open(Process process, int flags) {
    if (openError(flags) != 0) {
      throw new IllegalArgumentException("flags of userfaultfd: 0x%x".formatted(flags));
    }
    process.kernel().counters().count(Primitive.SYSCALL);
    return new Userfaultfd(process, flags);
  }

  /** The process whose memory it watches. */
  public Process owner() {
    return owner;
  }

  /**
   * The process that makes the calls which follow: {@link #copy} reads its memory. At first the
   * owner.
   *
   * @param process null if the caller's memory is not modelled: then the bytes of a copy are asked
   *     from {@link dev.quire.kernel.mm.FrameStorage}
   */
  public void setCaller(Process process) {
    caller = process;
  }

  /** UFFDIO_API: 0 or -errno. */
  public long api(long api, long wanted) {
    long error = apiError(api, wanted);
    if (error == 0) {
      initialised = true;
      features =
          (wanted & UffdFeature.WP_ASYNC) == 0 ? wanted : wanted | UffdFeature.WP_UNPOPULATED;
    }
    return error;
  }

  private long apiError(long api, long wanted) {
    countIoctl();
    if (api != UffdCode.API || (wanted & ~UffdFeature.ALL) != 0 || initialised) {
      return -Errno.EINVAL;
    }
    return 0;
  }

  /** The features that a successful UFFDIO_API reports: all this kernel has. */
  public static long availableFeatures() {
    return UffdFeature.ALL;
  }

  /** What {@link #api} enabled. */
  @Override
  public long features() {
    return features;
  }

  private void countIoctl() {
    owner.kernel().counters().count(Primitive.SYSCALL);
    owner.kernel().counters().count(Primitive.UFFD_IOCTL);
    out = UNTOUCHED;
    ioctls = UNTOUCHED;
  }

  /** What the last call wrote to its output member: bytes done or -errno, or {@link #UNTOUCHED}. */
  public long out() {
    return out;
  }

  /** The bits of ioctls that the last {@link #register} reported, or {@link #UNTOUCHED}. */
  public long ioctls() {
    return ioctls;
  }

  /** An ioctl with a number that there is not. */
  public long unknownIoctl() {
    countIoctl();
    return -Errno.EINVAL;
  }

  /** UFFDIO_REGISTER. */
  public long register(long start, long bytes, long modes) {
    countIoctl();
    if (!initialised || modes == 0 || (modes & ~REGISTER_MODES) != 0) {
      return -Errno.EINVAL;
    }
    long error = memory.rangeError(start, bytes);
    if (error != 0) {
      return error;
    }
    long vmFlags = 0;
    vmFlags |= (modes & UffdCode.REGISTER_MISSING) != 0 ? VmFlags.UFFD_MISSING : 0;
    vmFlags |= (modes & UffdCode.REGISTER_WP) != 0 ? VmFlags.UFFD_WP : 0;
    vmFlags |= (modes & UffdCode.REGISTER_MINOR) != 0 ? VmFlags.UFFD_MINOR : 0;
    if (owner.hasExited()) {
      return -Errno.ENOMEM;
    }
    error = memory.register(owner, this, start, start + bytes, vmFlags);
    if (error != 0) {
      return error;
    }
    ioctls =
        memory.holdsHugetlb(owner, start, start + bytes)
            ? UffdCode.RANGE_IOCTLS_BASIC
            : UffdCode.RANGE_IOCTLS;
    ioctls &= (modes & UffdCode.REGISTER_WP) != 0 ? -1 : ~UffdCode.WRITEPROTECT_IOCTL;
    ioctls &= (modes & UffdCode.REGISTER_MINOR) != 0 ? -1 : ~UffdCode.CONTINUE_IOCTL;
    return 0;
  }

  /** UFFDIO_UNREGISTER. */
  public long unregister(long start, long bytes) {
    countIoctl();
    long error = initialised ? memory.rangeError(start, bytes) : -Errno.EINVAL;
    if (error == 0 && owner.hasExited()) {
      error = -Errno.ENOMEM;
    }
    return error != 0 ? error : memory.unregister(owner, this, start, start + bytes, faults::wake);
  }

  /** UFFDIO_WAKE. */
  public long wake(long start, long bytes) {
    countIoctl();
    long error = initialised ? memory.rangeError(start, bytes) : -Errno.EINVAL;
    if (error == 0) {
      faults.wake(start, bytes);
    }
    return error;
  }

  /** UFFDIO_COPY; {@code source} is an address of {@link #setCaller}'s process. */
  public long copy(long destination, long source, long bytes, long mode) {
    if (isBusy()) {
      return -Errno.EAGAIN;
    }
    long error = initialised ? memory.unalignedRangeError(source, bytes) : -Errno.EINVAL;
    return error != 0 ? error : fill(Fill.COPY, destination, source, bytes, mode, UffdCode.FILL_WP);
  }

  /** UFFDIO_ZEROPAGE. */
  public long zeropage(long start, long bytes, long mode) {
    return isBusy() ? -Errno.EAGAIN : fill(Fill.ZEROPAGE, start, 0, bytes, mode, 0);
  }

  /** UFFDIO_CONTINUE. */
  public long continueRange(long start, long bytes, long mode) {
    return isBusy() ? -Errno.EAGAIN : fill(Fill.CONTINUE, start, 0, bytes, mode, UffdCode.FILL_WP);
  }

  /** UFFDIO_POISON. */
  public long poison(long start, long bytes, long mode) {
    return isBusy() ? -Errno.EAGAIN : fill(Fill.POISON, start, 0, bytes, mode, 0);
  }

  /** Begins a call: whether events are on their way, which comes before all other checks. */
  private boolean isBusy() {
    countIoctl();
    if (initialised && events.isChanging()) {
      out = -Errno.EAGAIN;
      return true;
    }
    return false;
  }

  private long fill(Fill kind, long start, long source, long bytes, long mode, long knownMode) {
    long error = initialised ? memory.rangeError(start, bytes) : -Errno.EINVAL;
    if (error != 0) {
      return error;
    }
    if ((mode & ~(UffdCode.DONTWAKE | knownMode)) != 0) {
      return -Errno.EINVAL;
    }
    boolean protect = (mode & knownMode) != 0;
    return owner.hasExited()
        ? -Errno.ESRCH
        : fillRest(caller, kind, start, source, bytes, mode, protect, 0);
  }

  /** Fills what is left after {@code done} bytes; a copy may have to wait for its source. */
  private long fillRest(
      Process reader,
      Fill kind,
      long start,
      long source,
      long bytes,
      long mode,
      boolean protect,
      long done) {
    long result =
        memory.fill(owner, reader, kind, start + done, source + done, bytes - done, protect);
    long total = done + memory.filled();
    if (result == Process.BLOCKED) {
      return reader.block(
          reader.blockedOn(),
          () -> fillRest(reader, kind, start, source, bytes, mode, protect, total));
    }
    out = total > 0 ? total : result;
    return finish(start, bytes, mode);
  }

  /** What was done is woken; less than was asked for is EAGAIN. */
  private long finish(long start, long bytes, long mode) {
    if (out < 0) {
      return out;
    }
    if ((mode & UffdCode.DONTWAKE) == 0) {
      faults.wake(start, out);
    }
    return out == bytes ? 0 : -Errno.EAGAIN;
  }

  /** UFFDIO_WRITEPROTECT. */
  public long writeProtect(long start, long bytes, long mode) {
    countIoctl();
    if (!initialised) {
      return -Errno.EINVAL;
    }
    if (events.isChanging()) {
      return -Errno.EAGAIN;
    }
    long error = memory.rangeError(start, bytes);
    if (error != 0) {
      return error;
    }
    boolean protect = (mode & UffdCode.WRITEPROTECT_WP) != 0;
    boolean quiet = (mode & UffdCode.WRITEPROTECT_DONTWAKE) != 0;
    if ((mode & ~(UffdCode.WRITEPROTECT_WP | UffdCode.WRITEPROTECT_DONTWAKE)) != 0
        || protect && quiet) {
      return -Errno.EINVAL;
    }
    if (owner.hasExited()) {
      return -Errno.ESRCH;
    }
    error = memory.writeProtect(owner, start, start + bytes, protect);
    if (error == 0 && !protect && !quiet) {
      faults.wake(start, bytes);
    }
    return error;
  }

  /** UFFDIO_MOVE. */
  public long move(long destination, long source, long bytes, long mode) {
    if (isBusy()) {
      return -Errno.EAGAIN;
    }
    if (!initialised || caller != owner) {
      return -Errno.EINVAL;
    }
    long error = memory.rangeError(destination, bytes);
    error = error != 0 ? error : memory.rangeError(source, bytes);
    if (error != 0) {
      return error;
    }
    if ((mode & ~(UffdCode.DONTWAKE | UffdCode.MOVE_ALLOW_HOLES)) != 0) {
      return -Errno.EINVAL;
    }
    boolean holes = (mode & UffdCode.MOVE_ALLOW_HOLES) != 0;
    out = memory.move(owner, this, destination, source, bytes, holes);
    return finish(destination, bytes, mode);
  }

  /** Whether {@link #read} has a message. */
  public boolean readable() {
    return faults.hasPending() || !events.isEmpty();
  }

  /** poll(2) without waiting: {@link UffdCode#POLLIN}, {@link UffdCode#POLLERR} or 0. */
  public int poll() {
    if (!initialised || (flags & UffdCode.O_NONBLOCK) == 0) {
      return UffdCode.POLLERR;
    }
    return readable() ? UffdCode.POLLIN : 0;
  }

  /**
   * Why read(2) into a buffer gives nothing: EINVAL, EAGAIN, or {@link Process#BLOCKED} where a
   * reader would sleep; 0 if {@link #read} has a message.
   */
  public long readError(long bytes) {
    if (!initialised || bytes < UffdMessage.BYTES) {
      return -Errno.EINVAL;
    }
    if (readable()) {
      return 0;
    }
    return (flags & UffdCode.O_NONBLOCK) != 0 ? -Errno.EAGAIN : Process.BLOCKED;
  }

  /** read(2) of one message: faults before events, each in the order they came; null if none. */
  public UffdMessage read() {
    owner.kernel().counters().count(Primitive.SYSCALL);
    UffdMessage fault = faults.take();
    return fault != null ? fault : events.take();
  }

  /** close(2) of the last descriptor: registrations go, and everybody who waits is woken. */
  public void close() {
    owner.kernel().counters().count(Primitive.SYSCALL);
    released = true;
    if (!owner.hasExited()) {
      memory.release(owner, this);
    }
    faults.wakeAll();
    events.releaseAll();
  }

  /** Nobody will ever have this child's descriptor. */
  void abandon() {
    released = true;
    if (!owner.hasExited()) {
      memory.forget(owner, this);
    }
  }

  @Override
  public int fault(FaultContext fault, long reason) {
    boolean userOnly = (flags & UffdCode.USER_MODE_ONLY) != 0;
    if (has(UffdFeature.SIGBUS) || !fault.isUser() && userOnly || !fault.mayWait()) {
      return VmFault.SIGBUS;
    }
    int bits = fault.isWrite() ? UffdMessage.WRITE : 0;
    bits |= reason == VmFlags.UFFD_WP ? UffdMessage.WP : 0;
    bits |= reason == VmFlags.UFFD_MINOR ? UffdMessage.MINOR : 0;
    long address = has(UffdFeature.EXACT_ADDRESS) ? fault.exactAddress() : fault.address();
    int thread = has(UffdFeature.THREAD_ID) ? fault.thread() : 0;
    fault.setWait(faults.add(UffdMessage.fault(bits, address, thread)));
    return VmFault.RETRY;
  }

  @Override
  public UffdContext forChild(Process child) {
    Userfaultfd copy = new Userfaultfd(child, flags);
    copy.caller = caller;
    copy.initialised = initialised;
    copy.features = features;
    return copy;
  }

  @Override
  public void announce() {
    events.announce();
  }

  @Override
  public void retract() {
    events.retract();
  }

  @Override
  public UffdWait forked(UffdContext child) {
    UffdMessage message = UffdMessage.fork((Userfaultfd) child);
    if (released) {
      message.child().abandon();
    }
    return queue(message);
  }

  private UffdWait queue(UffdMessage message) {
    return released ? events.pass(message) : events.add(message);
  }

  @Override
  public UffdWait remapped(long from, long to, long bytes) {
    return queue(UffdMessage.remap(from, to, bytes));
  }

  @Override
  public UffdWait removed(long start, long end) {
    return queue(UffdMessage.range(UffdMessage.Event.REMOVE, start, end));
  }

  @Override
  public UffdWait unmapped(long start, long end) {
    return queue(UffdMessage.range(UffdMessage.Event.UNMAP, start, end));
  }
}
