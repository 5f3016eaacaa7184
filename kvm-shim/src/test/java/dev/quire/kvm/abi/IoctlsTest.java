package dev.quire.kvm.abi;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kvm.vm.VmStructs;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class IoctlsTest {
  /** As a C compiler gives them for linux/kvm.h. */
  @Test
  void codesAreTheKernels() {
    assertThat(Ioctls.GET_API_VERSION).isEqualTo(0xae00);
    assertThat(Ioctls.CREATE_VCPU).isEqualTo(0xae41);
    assertThat(Ioctls.SET_USER_MEMORY_REGION).isEqualTo(0x4020ae46);
    assertThat(Ioctls.SET_USER_MEMORY_REGION2).isEqualTo(0x40a0ae49);
    assertThat(Ioctls.GET_REGS).isEqualTo(0x8090ae81);
    assertThat(Ioctls.ARM64_GET_REGS).isEqualTo(0x8360ae81);
    assertThat(Ioctls.GET_MSRS).isEqualTo(0xc008ae88);
    assertThat(Ioctls.ENABLE_CAP).isEqualTo(0x4068aea3);
    assertThat(Ioctls.GET_IRQCHIP).isEqualTo(0xc208ae62);
    assertThat(Ioctls.CREATE_GUEST_MEMFD).isEqualTo(0xc040aed4);
    assertThat(Ioctls.ARM_VCPU_INIT).isEqualTo(0x4020aeae);
  }

  @Test
  void sizesAreThoseOfTheStructures() {
    assertThat(Ioctls.size(Ioctls.SET_USER_MEMORY_REGION)).isEqualTo(VmStructs.MemoryRegion.BYTES);
    assertThat(Ioctls.size(Ioctls.SET_USER_MEMORY_REGION2))
        .isEqualTo(VmStructs.MemoryRegion.BYTES_2);
    assertThat(Ioctls.size(Ioctls.GET_DIRTY_LOG)).isEqualTo(VmStructs.DirtyLog.BYTES);
    assertThat(Ioctls.size(Ioctls.CLEAR_DIRTY_LOG)).isEqualTo(VmStructs.ClearDirtyLog.BYTES);
    assertThat(Ioctls.size(Ioctls.ENABLE_CAP)).isEqualTo(VmStructs.EnableCapability.BYTES);
    assertThat(Ioctls.size(Ioctls.REGISTER_COALESCED_MMIO))
        .isEqualTo(VmStructs.CoalescedZone.BYTES);
    assertThat(Ioctls.size(Ioctls.IOEVENTFD)).isEqualTo(VmStructs.IoEventFd.BYTES);
    assertThat(Ioctls.size(Ioctls.IRQFD)).isEqualTo(VmStructs.IrqFd.BYTES);
    assertThat(Ioctls.size(Ioctls.SET_DEVICE_ATTR)).isEqualTo(VmStructs.DeviceAttribute.BYTES);
    assertThat(Ioctls.size(Ioctls.SET_MEMORY_ATTRIBUTES))
        .isEqualTo(VmStructs.MemoryAttributes.BYTES);
    assertThat(Ioctls.size(Ioctls.RUN)).isZero();
  }

  @Test
  void directionsAreTheKernels() {
    assertThat(Ioctls.isRead(Ioctls.SET_REGS)).isTrue();
    assertThat(Ioctls.isWritten(Ioctls.SET_REGS)).isFalse();
    assertThat(Ioctls.isRead(Ioctls.GET_REGS)).isFalse();
    assertThat(Ioctls.isWritten(Ioctls.GET_REGS)).isTrue();
    assertThat(Ioctls.isRead(Ioctls.GET_MSRS) && Ioctls.isWritten(Ioctls.GET_MSRS)).isTrue();
    assertThat(Ioctls.isRead(Ioctls.RUN) || Ioctls.isWritten(Ioctls.RUN)).isFalse();
  }

  /**
   * Only codes that belong to different kinds of file, or are names of one layout for several
   * structures, are equal.
   */
  @Test
  void codesOfOneKindOfFileDiffer() throws IllegalAccessException {
    Map<Integer, String> names = new HashMap<>();
    for (Field field : Ioctls.class.getFields()) {
      int code = field.getInt(null);
      if (Modifier.isStatic(field.getModifiers()) && (code & 0xff00) == 0xae00) {
        String other = names.put(code, field.getName());
        if (other != null) {
          assertThat(other + " " + field.getName()).isEqualTo("ARM_SET_DEVICE_ADDR GET_ONE_REG");
        }
      }
    }
    assertThat(names).hasSizeGreaterThan(110);
  }
}
