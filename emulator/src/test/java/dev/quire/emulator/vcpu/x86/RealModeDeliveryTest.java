package dev.quire.emulator.vcpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.decode.X86RegisterView;
import dev.quire.mmu.x86.Cr0;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Expected values by hand from SDM vol. 3B 21.1.4. */
class RealModeDeliveryTest {
  private static final int RSP = X86RegisterView.RSP;

  private final FakeX86CpuState state = new FakeX86CpuState();
  private final FakeLinearMemory memory = new FakeLinearMemory();
  private final X86ExceptionInjector injector = new X86ExceptionInjector(state, memory);

  @BeforeEach
  void realMode() {
    state.cr0 = Cr0.ET;
    state.efer = 0;
    state.idtLimit = 0x3ff;
    for (int segment = 0; segment < 6; segment++) {
      state.loadSegment(segment, 0, 0, 0xffff, 0x9300);
    }
    state.loadCodeSegment(0x9a00, 0x9_a000, 0xffff, 0x9b00, 0);
    state.loadSegment(X86RegisterView.SS, 0x2000, 0x2_0000, 0xffff, 0x9300);
    state.gpr[RSP] = 0x7_0100;
    state.rip = 0x1234;
    state.rflags = 0x302;
    memory.poke(0x21 * 4, 4, 0xf000_e987L);
  }

  @Test
  void anInterruptPushesThreeWordsAndLoadsTheVector() {
    assertThat(injector.software(EventKind.SOFTWARE_INTERRUPT, 0x21, 2))
        .isEqualTo(Delivery.DELIVERED);
    assertThat(state.rip).isEqualTo(0xe987);
    assertThat(state.selectors[X86RegisterView.CS]).isEqualTo(0xf000);
    assertThat(state.bases[X86RegisterView.CS]).isEqualTo(0xf_0000);
    assertThat(state.gpr[RSP]).as("only SP moves").isEqualTo(0x7_00fa);
    assertThat(memory.peek(0x2_00fa, 2)).isEqualTo(0x1236);
    assertThat(memory.peek(0x2_00fc, 2)).isEqualTo(0x9a00);
    assertThat(memory.peek(0x2_00fe, 2)).isEqualTo(0x302);
    assertThat(state.rflags).isEqualTo(0x002);
  }

  @Test
  void anExceptionPushesNoErrorCode() {
    memory.poke(13 * 4, 4, 0x1000_0010L);
    injector.exception(13, 0x55, 0);
    assertThat(state.gpr[RSP]).isEqualTo(0x7_00fa);
    assertThat(memory.peek(0x2_00fa, 2)).isEqualTo(0x1234);
  }

  @Test
  void theStackWrapsAround() {
    state.gpr[RSP] = 2;
    injector.software(EventKind.SOFTWARE_INTERRUPT, 0x21, 2);
    assertThat(state.gpr[RSP]).isEqualTo(0xfffc);
    assertThat(memory.peek(0x2_fffc, 2)).isEqualTo(0x1236);
    assertThat(memory.peek(0x2_0000, 2)).isEqualTo(0x302);
  }

  @Test
  void aVectorTableTooShortForEverythingShutsDown() {
    state.idtLimit = 3;
    assertThat(injector.software(EventKind.SOFTWARE_INTERRUPT, 0x21, 2))
        .isEqualTo(Delivery.TRIPLE_FAULT);
  }
}
