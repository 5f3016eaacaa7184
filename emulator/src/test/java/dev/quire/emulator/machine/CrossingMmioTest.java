package dev.quire.emulator.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.boot.BootLoader;
import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.boot.ElfBuilder;
import dev.quire.emulator.boot.GuestFile;
import dev.quire.kernel.mm.HostPagePolicy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** An access across pages of devices, or of a device and RAM, is one access to each. */
class CrossingMmioTest {
  /**
   * Nothing is at 0xe0000000, which reads as ones; RAM ends at 0x1000000.
   *
   * <pre>
   *   mov rbx,-1 ; mov esi,0xe0000ffc ; mov rax,[rsi] ; cmp rax,rbx ; jne 8f ; mov [rsi],rax
   *   mov edi,0xfffffc ; mov dword ptr [rdi],0x12345678
   *   mov rax,[rdi] ; mov rcx,0xffffffff12345678 ; cmp rax,rcx ; jne 8f
   *   add qword ptr [rdi],1 ; cmp dword ptr [rdi],0x12345679 ; jne 8f
   *   mov edi,0xe0002ffc ; movsq ; mov eax,0xe0001004 ; cmp rsi,rax ; jne 8f
   *   mov edi,0xffffff ; mov word ptr [rdi],0x55aa ; cmp byte ptr [rdi],0xaa ; jne 8f
   *   xor eax,eax ; jmp 9f
   * 8: mov eax,1
   * 9: mov dx,0xf4 ; out dx,eax
   * </pre>
   */
  private static final String X86 =
      "48c7c3ffffffffbefc0f00e0488b064839d87550488906bffcffff00c70778563412488b0748b978"
          + "563412ffffffff4839c8753048830701813f795634127524bffc2f00e048a5b8041000e04839c675"
          + "13bfffffff0066c707aa55803faa750431c0eb05b80100000066baf400eff4ebfd";

  /** What leaves RAM: the ADD reads and writes there, MOVSQ crosses twice. */
  private static final int X86_ACCESSES = 2 + 2 + 1 + 2 + 4 + 1;

  /**
   * The distributor's last identification register, and what follows it on the next page.
   *
   * <pre>
   *   movz x1,#0x0800,lsl #16 ; add x2,x1,#0xffc ; ldr w3,[x1,#0xffc]
   *   add x4,x1,#0x1000 ; ldr w5,[x4] ; orr x5,x3,x5,lsl #32
   *   ldr x6,[x2] ; cmp x5,x6 ; b.ne 3f ; ldp w7,w8,[x2] ; cmp w7,w3 ; b.ne 3f
   *   str x6,[x2] ; mov w0,#0 ; cbz w3,3f ; b 4f
   * 3: mov w0,#1
   * 4: movz x1,#0x090f,lsl #16 ; str w0,[x1]
   * </pre>
   */
  private static final String ARM64 =
      "0100a1d222f03f9123fc4fb924044091850040b9658005aa460040f9bf0006eb0101005447204029"
          + "ff00036ba1000054460000f900008052430000340200001420008052e121a1d2200000b900000014";

  private static RunResult run(GuestFile guest) {
    MachineConfig config = new MachineConfig(HostPagePolicy.BASE, 1, 10_000, ignored -> {});
    try (VirtualMachine machine =
        VirtualMachine.create(config, BootLoader.plan(BootRequest.of(guest, 16 << 20)))) {
      return machine.run();
    }
  }

  @Test
  void onX86() {
    byte[] code = HexFormat.of().parseHex(X86);
    RunResult result =
        run(ElfBuilder.elf64(62).entry(0x10_0000).segment(0x10_0000, code.length, code).file());
    assertThat(result.status()).as(result.reason()).isEqualTo(RunStatus.PASS);
    assertThat(result.vcpus().getFirst().mmioExits()).isEqualTo(X86_ACCESSES);
  }

  @Test
  void onArm64() {
    byte[] code = HexFormat.of().parseHex(ARM64);
    ByteBuffer image = ByteBuffer.allocate(0x1000).order(ByteOrder.LITTLE_ENDIAN);
    image.putInt(0, 0x14000010).putLong(16, 0x1000).putLong(24, 2).putInt(56, 0x644d5241);
    image.put(0x40, code);
    RunResult result = run(new GuestFile("Image", image.array()));
    assertThat(result.status()).as(result.reason()).isEqualTo(RunStatus.PASS);
    assertThat(result.vcpus().getFirst().mmioExits()).isEqualTo(2 + 2 + 2 + 2 + 1);
  }
}
