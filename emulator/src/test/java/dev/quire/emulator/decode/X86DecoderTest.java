package dev.quire.emulator.decode;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Hand vectors from SDM vol. 2. */
class X86DecoderTest {
  private final X86Decoder decoder = new X86Decoder();
  private final X86Instruction in = new X86Instruction();
  private final FixedRegisters registers = new FixedRegisters(1);

  private int decode(CodeMode mode, String hex) {
    byte[] code = HexFormat.of().parseHex(hex.replace(" ", ""));
    return decoder.decode(code, 0, code.length, mode, in);
  }

  private void decode64(String hex) {
    int bytes = hex.replace(" ", "").length() / 2;
    assertThat(decode(CodeMode.BITS_64, hex)).as(hex).isEqualTo(bytes);
  }

  @ParameterizedTest
  @CsvSource({
    "48 8b 04 25 00 10 00 00, READ, 8, mov rax [0x1000]",
    "88 07, WRITE, 1, mov [rdi] al",
    "f0 48 0f c1 07, READ_WRITE, 8, lock xadd [rdi] rax",
    "87 06, READ_WRITE, 4, xchg [rsi] eax",
    "83 3f 00, READ, 4, cmp dword [rdi] 0",
    "83 07 01, READ_WRITE, 4, add dword [rdi] 1",
    "66 83 07 01, READ_WRITE, 2, add word [rdi] 1",
    "f6 07 01, READ, 1, test byte [rdi] 1",
    "f7 1f, READ_WRITE, 4, neg dword [rdi]",
    "f7 27, READ, 4, mul dword [rdi]",
    "d3 27, READ_WRITE, 4, shl dword [rdi] cl",
    "0f a3 07, READ, 4, bt [rdi] eax",
    "0f ab 07, READ_WRITE, 4, bts [rdi] eax",
    "0f ba 27 03, READ, 4, bt dword [rdi] 3",
    "0f ba 3f 03, READ_WRITE, 4, btc dword [rdi] 3",
    "0f c7 0f, READ_WRITE, 8, cmpxchg8b [rdi]",
    "48 0f c7 0f, READ_WRITE, 16, cmpxchg16b [rdi]",
    "0f b0 0f, READ_WRITE, 1, cmpxchg [rdi] cl",
    "0f 94 07, WRITE, 1, sete [rdi]",
    "c7 07 01 00 00 00, WRITE, 4, mov dword [rdi] 1",
    "48 63 07, READ, 4, movsxd rax [rdi]",
    "0f 11 07, WRITE, 16, movups [rdi] xmm0",
    "f3 0f 10 07, READ, 4, movss xmm0 [rdi]",
    "66 0f d6 07, WRITE, 8, movq [rdi] xmm0",
    "0f ae 07, WRITE, 512, fxsave [rdi]",
    "dd 1f, WRITE, 8, fstp qword [rdi]",
    "db 2f, READ, 10, fld tbyte [rdi]",
    "8d 07, NONE, 0, lea eax [rdi]",
    "0f 18 0f, NONE, 0, prefetcht0 [rdi]",
    "0f 1f 00, NONE, 0, nop [rax]",
    "0f 01 3f, NONE, 0, invlpg [rdi]",
    "0f 01 17, READ, 10, lgdt [rdi]",
    "ff 30, READ, 8, push qword [rax]",
    "8f 00, WRITE, 8, pop qword [rax]",
    "8f 48 10, WRITE, 8, pop qword [rax + 16] as the engine has it",
    "ff 38, READ, 4, undefined and yet read by the engine",
    "ff 10, READ, 8, call [rax]",
    "ff 28, READ, 6, jmp far [rax]",
    "8e d0, NONE, 0, mov ss eax",
    "d7, READ, 1, xlat"
  })
  void memoryOperands(String code, AccessKind kind, int bytes, String text) {
    decode64(code);
    assertThat(in.memoryKind()).as(text).isEqualTo(kind);
    assertThat(in.memoryBytes()).as(text).isEqualTo(bytes);
  }

  @ParameterizedTest
  @CsvSource({
    "e4 60, IN",
    "ed, IN",
    "e6 80, OUT",
    "ef, OUT",
    "6c, INS",
    "f3 6d, INS",
    "6f, OUTS",
    "0f 01 38, INVLPG",
    "66 0f 38 82 07, INVPCID",
    "0f 22 d8, MOV_TO_CR",
    "0f 20 c0, MOV_FROM_CR",
    "0f 23 f8, MOV_TO_DR",
    "0f 21 f8, MOV_FROM_DR",
    "0f 01 f0, LMSW",
    "0f 01 e0, SMSW",
    "0f 06, CLTS",
    "f4, HLT",
    "0f 32, RDMSR",
    "0f 30, WRMSR",
    "0f a2, CPUID",
    "0f 31, RDTSC",
    "0f 01 f9, RDTSCP",
    "0f 33, RDPMC",
    "0f 05, SYSCALL",
    "48 0f 07, SYSRET",
    "0f 34, SYSENTER",
    "0f 35, SYSEXIT",
    "48 cf, IRET",
    "cd 80, INT_N",
    "cc, INT3",
    "f1, INT1",
    "0f 01 c1, VMCALL",
    "0f 01 d9, VMMCALL",
    "0f 01 d8, SVM",
    "0f 01 c2, VMX",
    "0f 01 d1, XSETBV",
    "0f 01 d0, XGETBV",
    "0f 09, WBINVD",
    "0f 08, INVD",
    "f3 90, PAUSE",
    "90, ORDINARY",
    "f3 41 90, ORDINARY",
    "fb, STI",
    "fa, CLI",
    "9c, PUSHF",
    "9d, POPF",
    "0f 01 10, LGDT",
    "0f 01 18, LIDT",
    "0f 00 d0, LLDT",
    "0f 00 d8, LTR",
    "0f 01 f8, SWAPGS",
    "0f 01 c8, MONITOR",
    "0f 01 c9, MWAIT",
    "8e d0, LOAD_SS",
    "8e d8, ORDINARY",
    "0f 0b, UNDEFINED",
    "0f b9 00, UNDEFINED",
    "06, UNDEFINED",
    "ce, UNDEFINED",
    "8e c8, UNDEFINED",
    "0f 01 fa, MONITOR",
    "0f ae e8, ORDINARY",
    "0f c7 f0, RANDOM",
    "66 0f c7 f8, RANDOM",
    "f3 0f c7 f8, ORDINARY"
  })
  void classesIn64BitMode(String code, X86InstructionClass expected) {
    decode64(code);
    assertThat(in.instructionClass()).as(code).isEqualTo(expected);
  }

  @Test
  void oldOpcodesComeBackIn32BitMode() {
    assertThat(decode(CodeMode.BITS_32, "ce")).isEqualTo(1);
    assertThat(in.instructionClass()).isEqualTo(X86InstructionClass.INTO);
    assertThat(decode(CodeMode.BITS_32, "17")).isEqualTo(1);
    assertThat(in.instructionClass()).isEqualTo(X86InstructionClass.LOAD_SS);
    assertThat(decode(CodeMode.BITS_32, "40")).isEqualTo(1);
    assertThat(decode(CodeMode.BITS_32, "c4 07")).as("les").isEqualTo(2);
    assertThat(in.memoryBytes()).isEqualTo(6);
    assertThat(decode(CodeMode.BITS_32, "ea 00 00 10 00 08 00")).isEqualTo(7);
    assertThat(decode(CodeMode.BITS_16, "ea 00 10 08 00")).isEqualTo(5);
    assertThat(decode(CodeMode.BITS_16, "66 ea 00 00 10 00 08 00")).isEqualTo(8);
  }

  @Test
  void controlRegisterMovesNameTheirRegistersWhateverTheModField() {
    decode64("44 0f 22 c0");
    assertThat(in.reg()).as("CR8").isEqualTo(8);
    assertThat(in.rm()).isZero();
    decode64("41 0f 20 1c");
    assertThat(in.reg()).isEqualTo(3);
    assertThat(in.rm()).as("R12, with no SIB byte").isEqualTo(12);
    assertThat(in.hasEffectiveAddress()).isFalse();
  }

  @Test
  void portsAndSizes() {
    decode64("e5 60");
    assertThat(in.immediatePort()).isEqualTo(0x60);
    assertThat(in.elementBytes()).isEqualTo(4);
    decode64("e6 f4");
    assertThat(in.immediatePort()).isEqualTo(0xf4);
    assertThat(in.elementBytes()).isEqualTo(1);
    decode64("66 ef");
    assertThat(in.immediatePort()).isEqualTo(-1);
    assertThat(in.elementBytes()).isEqualTo(2);
    decode64("48 ed");
    assertThat(in.elementBytes()).as("REX.W does not widen a port").isEqualTo(4);
  }

  @Test
  void stackEffects() {
    decode64("50");
    assertThat(in.stackKind()).isEqualTo(AccessKind.WRITE);
    assertThat(in.stackBytes()).isEqualTo(8);
    decode64("66 50");
    assertThat(in.stackBytes()).isEqualTo(2);
    decode64("c3");
    assertThat(in.stackKind()).isEqualTo(AccessKind.READ);
    decode64("48 cf");
    assertThat(in.stackBytes()).isEqualTo(40);
    decode64("e8 00 00 00 00");
    assertThat(in.stackAddress(registers)).isEqualTo(registers.gpr[X86RegisterView.RSP] - 8);
    decode64("c9");
    assertThat(in.stackAddress(registers)).isEqualTo(registers.gpr[X86RegisterView.RBP]);
  }

  @Test
  void lockedAccesses() {
    decode64("87 06");
    assertThat(in.locksMemory()).as("XCHG locks by itself").isTrue();
    decode64("87 c6");
    assertThat(in.locksMemory()).isFalse();
    decode64("f0 ff 07");
    assertThat(in.locksMemory()).isTrue();
    decode64("ff 07");
    assertThat(in.locksMemory()).isFalse();
  }

  @Test
  void effectiveAddresses() {
    long[] r = registers.gpr;
    decode64("8b 44 8b f0");
    assertThat(in.effectiveAddress(registers, 0)).isEqualTo(r[3] + r[1] * 4 - 16);
    decode64("8b 05 00 01 00 00");
    assertThat(in.effectiveAddress(registers, 0x1000)).isEqualTo(0x1000 + 6 + 0x100);
    decode64("67 8b 00");
    assertThat(in.effectiveAddress(registers, 0)).isEqualTo(r[0] & 0xffff_ffffL);
    decode64("65 8b 00");
    assertThat(in.effectiveAddress(registers, 0)).isEqualTo(r[0] + registers.bases[5]);
    decode64("2e 8b 00");
    assertThat(in.effectiveAddress(registers, 0)).as("CS has no base").isEqualTo(r[0]);
    decode64("8f 04 24");
    assertThat(in.effectiveAddress(registers, 0)).as("pop [rsp]").isEqualTo(r[4] + 8);
    decode64("48 0f ab 07");
    assertThat(in.effectiveAddress(registers, 0)).isEqualTo(r[7] + (r[0] >> 6 << 3));
    decode64("d7");
    assertThat(in.effectiveAddress(registers, 0)).isEqualTo(r[3] + (r[0] & 0xff));
    decode64("a1 88 77 66 55 44 33 22 11");
    assertThat(in.effectiveAddress(registers, 0)).isEqualTo(0x1122_3344_5566_7788L);
  }

  @Test
  void effectiveAddressesOutside64BitModeAddTheSegmentAndWrap() {
    long[] r = registers.gpr;
    decode(CodeMode.BITS_32, "8b 45 08");
    long stack = (r[5] + 8 & 0xffff_ffffL) + registers.bases[X86RegisterView.SS];
    assertThat(in.effectiveAddress(registers, 0)).isEqualTo(stack & 0xffff_ffffL);
    decode(CodeMode.BITS_16, "8b 42 10");
    long offset = r[5] + r[6] + 0x10 & 0xffff;
    assertThat(in.effectiveAddress(registers, 0))
        .isEqualTo(offset + registers.bases[X86RegisterView.SS] & 0xffff_ffffL);
    decode(CodeMode.BITS_16, "26 8a 07");
    assertThat(in.effectiveAddress(registers, 0))
        .isEqualTo((r[3] & 0xffff) + registers.bases[X86RegisterView.ES] & 0xffff_ffffL);
  }

  @Test
  void stringsNameBothEnds() {
    long[] r = registers.gpr;
    decode64("f3 48 a5");
    assertThat(in.isRepeated()).isTrue();
    assertThat(in.elementBytes()).isEqualTo(8);
    assertThat(in.stringDestinationKind()).isEqualTo(AccessKind.WRITE);
    assertThat(in.stringSourceAddress(registers)).isEqualTo(r[6]);
    assertThat(in.stringDestinationAddress(registers)).isEqualTo(r[7]);
    decode64("f2 ae");
    assertThat(in.stringDestinationKind()).isEqualTo(AccessKind.READ);
    assertThat(in.readsStringSource()).isFalse();
    decode64("f3 c3");
    assertThat(in.isRepeated()).as("rep ret").isFalse();
  }

  @Test
  void whatOneInstructionDoesOnAPage() {
    registers.gpr[X86RegisterView.RDI] = 0x1ffc;
    registers.gpr[X86RegisterView.RSP] = 0x5000;
    decode64("48 01 07");
    assertThat(in.kindOnPage(0x1000, registers, 0)).isEqualTo(AccessKind.READ_WRITE);
    assertThat(in.kindOnPage(0x2000, registers, 0)).isEqualTo(AccessKind.READ_WRITE);
    assertThat(in.kindOnPage(0x3000, registers, 0)).isEqualTo(AccessKind.NONE);
    decode64("ff 37");
    assertThat(in.kindOnPage(0x2abc, registers, 0)).isEqualTo(AccessKind.READ);
    assertThat(in.kindOnPage(0x4000, registers, 0)).isEqualTo(AccessKind.WRITE);
    registers.gpr[X86RegisterView.RDI] = 0x4100;
    assertThat(in.kindOnPage(0x4000, registers, 0)).isEqualTo(AccessKind.READ_WRITE);
    registers.gpr[X86RegisterView.RSI] = 0x6000;
    decode64("a4");
    assertThat(in.kindOnPage(0x4000, registers, 0)).isEqualTo(AccessKind.WRITE);
    assertThat(in.kindOnPage(0x6000, registers, 0)).isEqualTo(AccessKind.READ);
  }

  @Test
  void everyTruncationNeedsMoreBytesAndSixteenAreTooMany() {
    byte[] code = HexFormat.of().parseHex("2e48c78424785634120bad0000".replace(" ", ""));
    int length = decoder.decode(code, 0, code.length, CodeMode.BITS_64, in);
    assertThat(length).isEqualTo(13);
    for (int limit = 0; limit < length; limit++) {
      assertThat(decoder.decode(code, 0, limit, CodeMode.BITS_64, in))
          .isEqualTo(X86Decoder.NEEDS_MORE_BYTES);
    }
    assertThat(decode(CodeMode.BITS_64, "66".repeat(14) + "90")).isEqualTo(15);
    assertThat(decode(CodeMode.BITS_64, "66".repeat(15) + "90")).isEqualTo(X86Decoder.TOO_LONG);
    assertThat(decode(CodeMode.BITS_64, "66".repeat(14) + "0f0b")).isEqualTo(X86Decoder.TOO_LONG);
  }
}
