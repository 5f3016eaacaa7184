package dev.quire.kvm.host;

import dev.quire.emulator.exec.EngineMemory;
import dev.quire.kernel.files.ModelledFiles;
import dev.quire.kernel.gmem.GuestMemfdUser;
import dev.quire.kernel.mm.FrameAllocator;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelAddressSpace;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.kvm.vm.GuestMemory;
import dev.quire.kvm.vm.VmHost;

/** A process of a {@link HostMachine} as the VMs it makes see it. Several may stand on it. */
public final class ModelledHost implements VmHost {
  private final HostMachine machine;
  private final KernelAddressSpace space;

  ModelledHost(HostMachine machine, KernelAddressSpace space) {
    this.machine = machine;
    this.space = space;
  }

  @Override
  public HostMemory memory() {
    return machine.memory();
  }

  @Override
  public EngineMemory engineMemory() {
    return machine.engineMemory();
  }

  @Override
  public Kernel kernel() {
    return machine.kernel();
  }

  @Override
  public ModelledFiles files() {
    return machine.files();
  }

  @Override
  public KernelAddressSpace space() {
    return space;
  }

  @Override
  public FrameAllocator tableFrames() {
    return machine.tableFrames();
  }

  /** {@inheritDoc} The process maps its memory itself: there is nothing to do. */
  @Override
  public void prepare(long hva, long bytes) {}

  @Override
  public GuestMemory guestMemory(GuestMemfdUser vm, long pages, int flags) {
    return new GuestMemory(machine.files().guestMemfd(vm, pages, flags), null);
  }

  @Override
  public SharedPages allocate(int pages) {
    return new NativePages(pages);
  }

  @Override
  public void wrote(long pfn) {
    machine.wrote(pfn);
  }
}
