package dev.quire.kvm.vm;

import dev.quire.emulator.exec.EngineMemory;
import dev.quire.kernel.files.ModelledFiles;
import dev.quire.kernel.gmem.GuestMemfdUser;
import dev.quire.kernel.mm.FrameAllocator;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelAddressSpace;
import dev.quire.kvm.fd.SharedPages;

/**
 * The modelled host a VM stands on: physical memory, its kernel, and the address space of the
 * process whose memory the VM's slots name. On the VM's thread.
 */
public interface VmHost {
  HostMemory memory();

  /** The same memory as the vCPUs' cores map it. */
  EngineMemory engineMemory();

  Kernel kernel();

  ModelledFiles files();

  /** Of the process that made the VM. */
  KernelAddressSpace space();

  /** Frames for second-stage tables. */
  FrameAllocator tableFrames();

  /**
   * The VM is about to use these host addresses as guest memory: whatever memory the client has
   * there is to be in {@link #space}. Nothing being there is no error (a later fault is).
   */
  void prepare(long hva, long bytes);

  /**
   * The file of KVM_CREATE_GUEST_MEMFD.
   *
   * @param flags that {@link dev.quire.kernel.gmem.GuestMemfd#creationError} finds nothing wrong
   *     with
   * @return null if there is no memory for it
   */
  GuestMemory guestMemory(GuestMemfdUser vm, long pages, int flags);

  /** Memory to share with the client, zeroed; null if there is no more. */
  SharedPages allocate(int pages);

  /** The service itself stored something in a frame. */
  void wrote(long pfn);
}
