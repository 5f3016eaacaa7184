package dev.quire.emulator.exec;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.boot.BootLoader;
import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.boot.ElfBuilder;
import dev.quire.emulator.boot.GuestFile;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.RunStatus;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.kernel.mm.HostPagePolicy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/**
 * A page is rewritten and run a hundred times; then code that would end the engine's process is
 * stored there: by another page, by the page itself right in front of the program counter, and
 * across the page's end.
 */
class StoredCodeVettingTest {
  /**
   * Ring 0 at 0x100000.
   *
   * <pre>
   *   lidt [idtr] ; xor ebx,ebx ; mov esi,0x102000 ; mov r13d,100
   * 1: mov [rsi+1],r13b ; call rsi                 mov eax,imm ; ret
   *   cmp eax,r13d ; jne 8f ; dec r13d ; jnz 1b
   *   mov edx,0x3744f00f ; not edx                 "lock btc eax,ecx"
   *   mov byte ptr [rsi+4],0xc3 ; mov [rsi],edx
   *   call rsi                                     #UD 1
   *   mov edi,0x102102 ; mov eax,0x102100 ; call rax
   *                                                mov [rdi],edx ; #UD 2 ; ret
   *   lea rdi,[rsi+0xffe] ; mov [rdi],dx ; call rdi
   *                                                #UD 3: f0 0f | bb c8, then ret
   *   xor eax,eax ; cmp ebx,3 ; setne al ; jmp 9f
   * 8: mov eax,1
   * 9: mov dx,0xf4 ; out dx,eax
   * </pre>
   */
  private static final String X86_MAIN =
      "0f011c256300100031dbbe0020100041bd6400000044886e01ffd64439e8753641ffcd75f0ba0ff0"
          + "4437f7d2c64604c38916ffd6bf02211000b800211000ffd0488dbefe0f0000668917ffd731c083fb"
          + "030f95c0eb05b80100000066baf400eff4ebfd7f000050100000000000";

  /** {@code add qword ptr [rsp],4 ; inc ebx ; iretq}. */
  private static final String X86_HANDLER = "4883042404ffc348cf";

  private static final long UD_GATE = 0x0010_8e00_0010_1000L;

  /**
   * EL1 at +0x40, vectors at +0x800, the function at +0x1000, one that stores at +0x1100.
   *
   * <pre>
   *   adr x0,vectors ; msr vbar_el1,x0 ; mov x0,#3<<20 ; msr cpacr_el1,x0 ; isb ; mov x10,#0
   *   adr x1,function ; mov w2,#100
   * 2: mov w3,#0x52800000 ; orr w3,w3,w2,lsl #5 ; str w3,[x1] ; dsb ish ; isb ; blr x1
   *                                                mov w0,#imm ; ret
   *   cmp w0,w2 ; b.ne 3f ; subs w2,w2,#1 ; b.ne 2b
   *   mov w3,#0x2c00 ; movk w3,#0x0e40,lsl #16     an unallocated word
   *   str w3,[x1] ; isb ; blr x1                   undefined 1
   *   adr x4,function2 ; add x5,x4,#4 ; blr x4     str w3,[x5] ; undefined 2 ; ret
   *   mov w0,#0 ; cmp x10,#2 ; cset w0,ne ; b 4f
   * 3: mov w0,#1
   * 4: movz x1,#0x090f,lsl #16 ; str w0,[x1]
   * </pre>
   */
  private static final String ARM64_MAIN =
      "003e001000c018d50006a0d2401018d5df3f03d50a0080d2417d0010820c80520350aa526314022a2300"
          + "00b99f3b03d5df3f03d520003fd61f00026be101005442040071e1feff540380855203c8a1722300"
          + "00b9df3f03d520003fd6248300108510009180003fd6000080525f0900f1e0079f1a020000142000"
          + "8052e121a1d2200000b900000014";

  /** {@code mrs x9,elr_el1 ; add x9,x9,#4 ; msr elr_el1,x9 ; add x10,x10,#1 ; eret}. */
  private static final String ARM64_HANDLER = "294038d529110091294018d54a050091e0039fd6";

  private static final String ARM64_RET = "1f2003d5c0035fd6";
  private static final String ARM64_STORE = "a30000b91f2003d5c0035fd6";

  private static GuestFile x86() {
    ByteBuffer image = ByteBuffer.allocate(0x5100).order(ByteOrder.LITTLE_ENDIAN);
    put(image, 0, X86_MAIN);
    put(image, 0x1000, X86_HANDLER);
    put(image, 0x2000, "b800000000c3");
    put(image, 0x2100, "891790909090c3");
    put(image, 0x3000, "bbc8c3");
    image.putLong(0x5000 + 6 * 16, UD_GATE);
    return ElfBuilder.elf64(62)
        .entry(0x10_0000)
        .segment(0x10_0000, image.capacity(), image.array())
        .file();
  }

  private static GuestFile arm64() {
    ByteBuffer image = ByteBuffer.allocate(0x2000).order(ByteOrder.LITTLE_ENDIAN);
    image.putInt(0, 0x14000010).putLong(16, 0x2000).putLong(24, 2).putInt(56, 0x644d5241);
    put(image, 0x40, ARM64_MAIN);
    put(image, 0xa00, ARM64_HANDLER);
    put(image, 0x1000, ARM64_RET);
    put(image, 0x1100, ARM64_STORE);
    return new GuestFile("Image", image.array());
  }

  private static void put(ByteBuffer image, int at, String hex) {
    image.put(at, HexFormat.of().parseHex(hex));
  }

  private static void passes(GuestFile guest) {
    MachineConfig config = new MachineConfig(HostPagePolicy.BASE, 1, 100_000, ignored -> {});
    try (VirtualMachine machine =
        VirtualMachine.create(config, BootLoader.plan(BootRequest.of(guest, 16 << 20)))) {
      RunResult result = machine.run();
      assertThat(result.status()).as(result.reason()).isEqualTo(RunStatus.PASS);
    }
  }

  @Test
  void onX86SuchCodeIsUndefinedInAPageThatIsRewrittenAllTheTime() {
    passes(x86());
  }

  @Test
  void onArm64SuchCodeIsUndefinedInAPageThatIsRewrittenAllTheTime() {
    passes(arm64());
  }
}
