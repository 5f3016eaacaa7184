package dev.quire.kvm.x86;

import dev.quire.emulator.device.x86.LocalApic;
import dev.quire.kernel.kvm.GuestPhysicalView;
import dev.quire.kvm.abi.LittleEndian;

/**
 * KVM_SET_VAPIC_ADDR: a word of guest memory through which guest code that user space has patched
 * reads and sets the task priority without an exit (Linux v6.18 arch/x86/kvm/lapic.c,
 * kvm_lapic_sync_to_vapic and kvm_lapic_sync_from_vapic). VM thread only.
 */
final class VirtualApicPage {
  private final LocalApic local;
  private final GuestPhysicalView memory;
  private final byte[] word = new byte[Integer.BYTES];
  private long gpa;
  private boolean given;

  VirtualApicPage(LocalApic local, GuestPhysicalView memory) {
    this.local = local;
    this.memory = memory;
  }

  /**
   * @param address 0 for none
   * @return whether memory is there
   */
  boolean setAddress(long address) {
    if (address != 0 && !memory.contains(address, Integer.BYTES)) {
      return false;
    }
    gpa = address;
    given = false;
    return true;
  }

  /** Before the guest runs: task priority, the class in service, the highest request. */
  void give() {
    if (gpa == 0 || !memory.contains(gpa, Integer.BYTES)) {
      return;
    }
    int service = Math.max(local.highestInService(), 0) & 0xf0;
    int request = Math.max(local.highestRequested(), 0);
    LittleEndian.putInt(word, 0, local.taskPriority() | service << 8 | request << 24);
    memory.write(gpa, word, 0, Integer.BYTES);
    given = true;
  }

  /** The guest has run: what it made of the task priority. */
  void take() {
    if (!given || !memory.contains(gpa, Integer.BYTES)) {
      return;
    }
    given = false;
    memory.read(gpa, word, 0, Integer.BYTES);
    local.setTaskPriority(word[0]);
  }
}
