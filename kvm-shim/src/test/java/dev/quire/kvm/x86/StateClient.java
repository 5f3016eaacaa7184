package dev.quire.kvm.x86;

import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.KvmCpuid2;
import dev.quire.kvm.abi.KvmMsrs;
import dev.quire.kvm.abi.KvmSregs;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.Descriptors;
import dev.quire.kvm.fd.UserMemory;

/** A client of one vCPU whose structures lie in an array at {@link #AT}. */
final class StateClient implements Caller, UserMemory, AutoCloseable {
  static final long AT = 0x10_0000;

  final TestGuest guest = new TestGuest();
  final byte[] memory = new byte[1 << 16];

  @Override
  public boolean read(long address, byte[] target, int offset, int bytes) {
    if (address < AT || address + bytes > AT + memory.length) {
      return false;
    }
    System.arraycopy(memory, (int) (address - AT), target, offset, bytes);
    return true;
  }

  @Override
  public boolean write(long address, byte[] source, int offset, int bytes) {
    if (address < AT || address + bytes > AT + memory.length) {
      return false;
    }
    System.arraycopy(source, offset, memory, (int) (address - AT), bytes);
    return true;
  }

  @Override
  public UserMemory memory() {
    return this;
  }

  @Override
  public Descriptors descriptors() {
    throw new UnsupportedOperationException();
  }

  @Override
  public Object addressSpace() {
    return this;
  }

  long call(int request, long argument) {
    return guest.vcpu.ioctl(this, request, argument);
  }

  /** A call on the structure. */
  long call(int request) {
    return call(request, AT);
  }

  long vmCall(int request) {
    return guest.vm.ioctl(this, request, AT);
  }

  StateClient clear() {
    java.util.Arrays.fill(memory, (byte) 0);
    return this;
  }

  long getLong(int at) {
    return LittleEndian.getLong(memory, at);
  }

  int getInt(int at) {
    return LittleEndian.getInt(memory, at);
  }

  int getByte(int at) {
    return LittleEndian.getByte(memory, at);
  }

  StateClient putLong(int at, long value) {
    LittleEndian.putLong(memory, at, value);
    return this;
  }

  StateClient putInt(int at, int value) {
    LittleEndian.putInt(memory, at, value);
    return this;
  }

  StateClient putByte(int at, int value) {
    LittleEndian.putByte(memory, at, value);
    return this;
  }

  /** KVM_SET_CPUID2 of what KVM_GET_SUPPORTED_CPUID gives. */
  StateClient supportedCpuid() {
    clear().putInt(KvmCpuid2.NENT, 256);
    ok(X86System.ioctl(this, Ioctls.GET_SUPPORTED_CPUID, AT));
    ok(call(Ioctls.SET_CPUID2));
    return this;
  }

  /** KVM_SET_CPUID2 of rows of function, index, flags, EAX, EBX, ECX, EDX. */
  long setCpuid(int[]... entries) {
    clear().putInt(KvmCpuid2.NENT, entries.length);
    for (int i = 0; i < entries.length; i++) {
      for (int field = 0; field < entries[i].length; field++) {
        putInt(KvmCpuid2.BYTES + i * KvmCpuid2.ENTRY_BYTES + 4 * field, entries[i][field]);
      }
    }
    return call(Ioctls.SET_CPUID2);
  }

  /** KVM_GET_SREGS, one field changed, KVM_SET_SREGS. */
  long setSreg(int field, long value) {
    clear();
    ok(call(Ioctls.GET_SREGS));
    return putLong(field, value).call(Ioctls.SET_SREGS);
  }

  long sreg(int field) {
    clear();
    ok(call(Ioctls.GET_SREGS));
    return getLong(field);
  }

  /** The long preset: flat 64-bit code, tables at 0x2000. */
  StateClient longMode() {
    clear();
    ok(call(Ioctls.GET_SREGS));
    putLong(KvmSregs.CR0, 0x8005_0033L).putLong(KvmSregs.CR3, 0x2000);
    putLong(KvmSregs.CR4, 0x20).putLong(KvmSregs.EFER, 0x500);
    putByte(KvmSregs.CS + 19, 1).putByte(KvmSregs.CS + 17, 0);
    putLong(KvmSregs.CS, 0).putInt(KvmSregs.CS + 8, -1).putByte(KvmSregs.CS + 20, 1);
    ok(call(Ioctls.SET_SREGS));
    return this;
  }

  /** Whether KVM_SET_MSRS takes the value. */
  boolean setMsr(int msr, long value) {
    clear().putInt(KvmMsrs.NMSRS, 1).putInt(8, msr).putLong(16, value);
    return call(Ioctls.SET_MSRS) == 1;
  }

  /** Whether KVM_GET_MSRS gives a value: then {@link #msr}. */
  boolean hasMsr(int msr) {
    clear().putInt(KvmMsrs.NMSRS, 1).putInt(8, msr);
    return call(Ioctls.GET_MSRS) == 1;
  }

  long msr(int msr) {
    ok(hasMsr(msr) ? 0 : -1);
    return getLong(16);
  }

  static void ok(long result) {
    if (result != 0) {
      throw new IllegalStateException("result " + result);
    }
  }

  @Override
  public void close() {
    guest.close();
  }
}
