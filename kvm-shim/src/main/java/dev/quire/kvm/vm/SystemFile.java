package dev.quire.kvm.vm;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.fd.SharedPages;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;

/**
 * {@code /dev/kvm} (Linux v6.18 virt/kvm/kvm_main.c, kvm_dev_ioctl). It may be called on any
 * thread; a VM is made on the thread that calls, and belongs to another only from then on.
 */
public final class SystemFile extends Descriptor {
  /** KVM_API_VERSION. */
  private static final int API_VERSION = 12;

  /** Enough for a second stage's root table, a concatenated one too. */
  private static final int ROOT_PAGES = 64;

  private final KernelProfile profile;
  private final Architecture architecture;
  private final VmHosts hosts;
  private final AtomicLong vmNumbers;

  /** Eventfds that irqfds of any VM listen to. */
  private final Set<Object> listenedTo;

  /**
   * @param vmNumbers numbers VMs, as their process ids do in the names of statistics
   * @param listenedTo identities of the eventfds that have an irqfd, of all VMs; thread-safe
   */
  public SystemFile(
      KernelProfile profile,
      Architecture architecture,
      VmHosts hosts,
      AtomicLong vmNumbers,
      Set<Object> listenedTo) {
    this.profile = profile;
    this.architecture = architecture;
    this.hosts = hosts;
    this.vmNumbers = vmNumbers;
    this.listenedTo = listenedTo;
  }

  @Override
  public long ioctl(Caller caller, int request, long argument) {
    return switch (request) {
      case Ioctls.GET_API_VERSION -> argument == 0 ? API_VERSION : -Errno.EINVAL;
      case Ioctls.CREATE_VM -> createVm(caller, argument);
      case Ioctls.CHECK_EXTENSION -> checkExtension(argument);
      case Ioctls.GET_VCPU_MMAP_SIZE ->
          argument == 0 ? (architecture.traits().runPages() + 1L) * Vm.PAGE_BYTES : -Errno.EINVAL;
      default -> {
        long answer = architecture.systemIoctl(caller, request, argument);
        yield answer == ArchVcpu.UNKNOWN ? -Errno.EINVAL : answer;
      }
    };
  }

  private long checkExtension(long capability) {
    long answer = GenericCapabilities.check(profile, architecture.traits(), null, capability);
    if (answer == ArchVcpu.UNKNOWN) {
      answer = architecture.checkExtension(capability);
    }
    return answer == ArchVcpu.UNKNOWN ? 0 : answer;
  }

  private long createVm(Caller caller, long type) {
    VmHost host = hosts.open(caller);
    if (host == null) {
      return -Errno.EMFILE;
    }
    if (!architecture.acceptsVmType(host, type)) {
      hosts.close(host);
      return -Errno.EINVAL;
    }
    SharedPages ring = host.allocate(1);
    if (ring == null || host.tableFrames().freePages() < ROOT_PAGES) {
      if (ring != null) {
        ring.close();
      }
      hosts.close(host);
      return -Errno.ENOMEM;
    }
    Vm vm =
        new Vm(
            architecture,
            host,
            ring,
            caller,
            type,
            vmNumbers.incrementAndGet(),
            listenedTo,
            ended -> hosts.close(ended.host()));
    return caller.descriptors().install(new VmFile(vm));
  }

  @Override
  public String name() {
    return "/dev/kvm";
  }
}
