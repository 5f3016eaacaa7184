package dev.quire.bindings;

import static dev.quire.bindings.DisassembledInstruction.Operand.READ;
import static dev.quire.bindings.DisassembledInstruction.Operand.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.bindings.DisassembledInstruction.Immediate;
import dev.quire.bindings.DisassembledInstruction.Memory;
import dev.quire.bindings.DisassembledInstruction.Register;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class CapstoneTest {
  private static List<DisassembledInstruction> decode(Capstone.Mode mode, String hex) {
    try (Capstone capstone = Capstone.open(mode)) {
      return capstone.disassemble(HexFormat.of().parseHex(hex.replace(" ", "")), 0x1000, 100);
    }
  }

  @Test
  void x86OperandsAreDecoded() {
    List<DisassembledInstruction> code =
        decode(Capstone.Mode.X86_64, "488b448b10 64ff342508000000 83c0ff f00fb10f");
    assertThat(code.get(0))
        .isEqualTo(
            new DisassembledInstruction(
                0x1000,
                5,
                "mov",
                "rax, qword ptr [rbx + rcx*4 + 0x10]",
                List.of(
                    new Register("rax", 8, WRITE),
                    new Memory("", "rbx", "rcx", 4, 0x10, 8, READ))));
    assertThat(code.get(1).address()).isEqualTo(0x1005);
    assertThat(code.get(1).operands()).containsExactly(new Memory("fs", "", "", 1, 8, 8, READ));
    assertThat(code.get(2).operands())
        .containsExactly(new Register("eax", 4, READ | WRITE), new Immediate(-1, 4, 0));
    assertThat(code.get(3).operands().get(0))
        .isInstanceOfSatisfying(Memory.class, m -> assertThat(m.base()).isEqualTo("rdi"));
  }

  @Test
  void theSameBytesMeanOtherThingsInOtherModes() {
    assertThat(decode(Capstone.Mode.X86_64, "48").size()).isZero();
    assertThat(decode(Capstone.Mode.X86_32, "48").get(0).operandText()).isEqualTo("eax");
    assertThat(decode(Capstone.Mode.X86_16, "48").get(0).operandText()).isEqualTo("ax");
  }

  @Test
  void arm64OperandsAreDecoded() {
    List<DisassembledInstruction> code =
        decode(Capstone.Mode.ARM64, "207862f8 e00741a9 200c41f8 41008052");
    assertThat(code).extracting(DisassembledInstruction::mnemonic).startsWith("ldr", "ldp", "ldr");
    // Capstone 4 does not use the alias.
    assertThat(code.get(3).mnemonic()).isIn("mov", "movz");
    assertThat(code.get(0).operands())
        .containsExactly(new Register("x0", 0, WRITE), new Memory("", "x1", "x2", 8, 0, 0, READ));
    assertThat(code.get(1).operands().get(2)).isEqualTo(new Memory("", "sp", "", 1, 16, 0, READ));
    assertThat(code.get(3).operands().get(1))
        .isInstanceOfSatisfying(Immediate.class, i -> assertThat(i.value()).isEqualTo(2));
  }

  @Test
  void decodingStopsAtAnUndecodableByteAndAtTheBound() {
    assertThat(decode(Capstone.Mode.X86_64, "90 90 06 90")).hasSize(2);
    try (Capstone capstone = Capstone.open(Capstone.Mode.X86_64)) {
      assertThat(capstone.disassemble(new byte[100], 0, 3)).hasSize(3);
      assertThat(capstone.disassemble(new byte[0], 0, 3)).isEmpty();
      assertThat(capstone.disassemble(new byte[4], 0, 0)).isEmpty();
      assertThatThrownBy(() -> capstone.disassemble(new byte[Capstone.MAX_BYTES + 1], 0, 1))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void randomBytesNeverConfuseIt() {
    Random random = new Random(1);
    for (Capstone.Mode mode : Capstone.Mode.values()) {
      try (Capstone capstone = Capstone.open(mode)) {
        for (int i = 0; i < 2000; i++) {
          byte[] code = new byte[32];
          random.nextBytes(code);
          long end = 0x1000;
          for (DisassembledInstruction d : capstone.disassemble(code, 0x1000, 100)) {
            assertThat(d.address()).isEqualTo(end);
            assertThat(d.bytes()).isBetween(1, 16);
            end += d.bytes();
          }
          assertThat(end).isLessThanOrEqualTo(0x1000 + code.length);
        }
      }
    }
  }

  @Test
  void itBelongsToItsThreadAndClosesOnce() {
    Capstone capstone = Capstone.open(Capstone.Mode.ARM64);
    assertThat(
            CompletableFuture.supplyAsync(
                    () -> {
                      try {
                        return capstone.disassemble(new byte[4], 0, 1).toString();
                      } catch (IllegalStateException e) {
                        return e.getMessage();
                      }
                    })
                .join())
        .contains("belongs to");
    capstone.close();
    capstone.close();
    assertThatThrownBy(() -> capstone.disassemble(new byte[4], 0, 1))
        .isInstanceOf(IllegalStateException.class);
  }
}
