package dev.quire.kvm.server;

import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.client.GuestMemory;
import dev.quire.kvm.client.Kvm;
import dev.quire.kvm.client.Vcpu;
import dev.quire.kvm.client.Vm;
import dev.quire.kvm.wire.Frames;

/** A VM with memory from 0 on and vCPUs in real mode, as every KVM client's first program. */
final class RealModeGuest {
  static final int CODE = 0x1000;
  static final int MEMORY_BYTES = 1 << 20;

  private static final int SREGS_BYTES = 312;
  private static final int REGS_BYTES = 144;
  private static final int CS_SELECTOR = 12;
  private static final int RIP = 128;
  private static final int RFLAGS = 136;

  final Vm vm;
  final GuestMemory memory;

  RealModeGuest(Kvm kvm, int... code) {
    vm = kvm.createVm();
    memory = vm.addMemory(0, 0, MEMORY_BYTES);
    byte[] bytes = new byte[code.length];
    for (int i = 0; i < code.length; i++) {
      bytes[i] = (byte) code[i];
    }
    memory.write(CODE, bytes);
  }

  /** A vCPU about to execute the code, with its number in AX. */
  Vcpu vcpu(int id) {
    Vcpu vcpu = vm.createVcpu(id);
    byte[] sregs = new byte[SREGS_BYTES];
    vcpu.ioctl(Ioctls.GET_SREGS, 0, sregs);
    Frames.putLong(sregs, 0, 0);
    Frames.putShort(sregs, CS_SELECTOR, 0);
    vcpu.ioctl(Ioctls.SET_SREGS, 0, sregs);
    byte[] regs = new byte[REGS_BYTES];
    Frames.putLong(regs, 0, id);
    Frames.putLong(regs, RIP, CODE);
    Frames.putLong(regs, RFLAGS, 2);
    vcpu.ioctl(Ioctls.SET_REGS, 0, regs);
    return vcpu;
  }
}
