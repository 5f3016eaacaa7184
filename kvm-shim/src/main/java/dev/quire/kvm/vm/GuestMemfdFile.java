package dev.quire.kvm.vm;

import dev.quire.kernel.gmem.GuestMemfd;

/**
 * The file of KVM_CREATE_GUEST_MEMFD. All that system calls may do with it is asked of {@link
 * #file}; it works in any process, and after the VM's own file is closed.
 */
public final class GuestMemfdFile extends VmDescriptor {
  private final GuestMemfd file;

  GuestMemfdFile(Vm vm, GuestMemfd file) {
    super(vm);
    this.file = file;
  }

  /** The modelled file: size, fallocate, rules of mmap. */
  public GuestMemfd file() {
    return file;
  }

  @Override
  protected void released() {
    file.put();
    super.released();
  }

  @Override
  public String name() {
    return "anon_inode:[kvm-gmem]";
  }
}
