package dev.quire.lab.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.kernel.mm.KernelProfile;
import dev.quire.lab.replay.CaseResult.Outcome;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** KVM scripts that no recording has: hostile ones, and how they are compared. */
class KvmReplayTest {
  private static final Map<String, Object> OK = Map.of("ret", 0L, "errno", 0L);
  private static final String LOOP = "ebfe";

  private final List<String> ops = new ArrayList<>();
  private final List<Map<String, Object>> observed = new ArrayList<>();
  private final Map<String, Object> members = new HashMap<>();

  private void op(String text, Map<String, Object> answer) {
    ops.add(text);
    observed.add(answer);
  }

  private CaseResult replayed() {
    members.put("ops", ops);
    members.put("observed", observed);
    return CaseReplay.run(new GoldenCase("f.json", 2, "case", members));
  }

  /** A vCPU in real mode in front of code at 0x1000. */
  private void guest(String code) {
    op("vm 0", OK);
    op("map 0 16 rw", OK);
    op("memslot 0 0 0 0x10000 0", OK);
    op("vcpu 0", OK);
    op("sregs real", OK);
    op("mem 1 " + code, Map.of("ret", 0L));
    op("regs rip=0x1000", OK);
  }

  private static Map<String, Object> exit(long reason, Map<String, Object> registers) {
    Map<String, Object> fields = new LinkedHashMap<>(OK);
    fields.put("exit", reason);
    fields.put("regs", registers);
    return fields;
  }

  @Test
  void eitherInstructionPointerWillDoWhereBothWereRecorded() {
    guest("e610f4");
    Map<String, Object> io =
        Map.of("dir", "out", "size", 1L, "port", 16L, "count", 1L, "data", "00");
    Map<String, Object> out =
        new LinkedHashMap<>(exit(2, Map.of("rip", "0x1002", "rflags", "0x2", "rip_hw", "0x1000")));
    out.put("io", io);
    op("run", out);
    op("run", exit(5, Map.of("rip", "0x1003", "rflags", "0x2")));
    assertThat(replayed().differences()).isEmpty();
    out.put("regs", Map.of("rip", "0x1001", "rflags", "0x2", "rip_hw", "0x1002"));
    assertThat(replayed().differences()).extracting(Difference::field).containsExactly("regs");
  }

  private static Map<String, Object> result(long value) {
    return Map.of("ret", value, "errno", 0L);
  }

  private static Map<String, Object> error(long errno) {
    return Map.of("ret", -1L, "errno", errno);
  }

  /** As mail 20250303130838.28812-2-kalyazin@amazon.com has it. */
  @Test
  void guestMemfdIsWrittenAtPositionsWhereTheKernelHasIt() {
    op("vm 0", OK);
    op("gmem 0x10000 3", OK);
    op("pwrite 4096 0x1000", result(4096));
    op("pwrite 4096 0x1000", error(28));
    op("pwrite 4096 -4096", error(22));
    op("pread 4096 0", error(29));
    op("rawwrite 0x2000", result(4096));
    op("lseek 0 1", result(4096));
    op("lseek -4096 2", result(0xf000));
    op("rawwrite 4096", result(4096));
    op("rawwrite 4096", error(22));
    op("lseek 0x10000 3", error(6));
    members.put("ops", ops);
    members.put("observed", observed);
    GoldenCase written = new GoldenCase("f.json", 2, "case", members);
    assertThat(CaseReplay.run(written, KernelProfile.RFC_WRITE).differences()).isEmpty();
    assertThat(CaseReplay.run(written, KernelProfile.LINUX_6_18).differences()).isNotEmpty();
  }

  @Test
  void onlyAtAShutdownRfMayDiffer() {
    guest("f4");
    op("run", exit(5, Map.of("rip", "0x1001", "rflags", "0x10002")));
    assertThat(replayed().differences()).extracting(Difference::field).containsExactly("regs");
  }

  @Test
  void aGuestThatNeverEndsIsADifference() {
    guest(LOOP);
    op("run", exit(5, Map.of("rip", "0x1001", "rflags", "0x2")));
    op("run", exit(5, Map.of("rip", "0x1001", "rflags", "0x2")));
    CaseResult result = replayed();
    assertThat(result.outcome()).isEqualTo(Outcome.FAILED);
    assertThat(result.differences().getLast().toString())
        .contains("op 8 'run': model", "its last operation still waits");
  }

  @Test
  void twoVcpusOfAVmTakeTurns() {
    op("vm 0", OK);
    op("map 0 16 rw", OK);
    op("memslot 0 0 0 0x10000 0", OK);
    op("vcpu 0", OK);
    op("vcpu 1 other", OK);
    op("sregs real", OK);
    op("@other sregs real", OK);
    // 1: cmpb $0, 0x9000; je 1b; hlt
    op("mem 1 803e00900074f9f4", Map.of("ret", 0L));
    // movb $1, 0x9000; hlt
    op("mem 2 c606009001f4", Map.of("ret", 0L));
    op("regs rip=0x1000", OK);
    op("@other regs rip=0x2000", OK);
    op("t1: run", Map.of("state", "blocked"));
    op("@other run", exit(5, Map.of("rip", "0x2006", "rflags", "0x2")));
    Map<String, Object> done =
        new LinkedHashMap<>(exit(5, Map.of("rip", "0x1008", "rflags", "0x2")));
    done.put("state", "done");
    op("join t1", done);
    assertThat(replayed().differences()).isEmpty();
  }

  @Test
  void whatOnlyItsHostAnswersIsToldApart() {
    op("vm 1", OK);
    members.put("backend_specific", true);
    CaseResult result = replayed();
    assertThat(result.outcome()).isEqualTo(Outcome.BACKEND);
    assertThat(result.differing()).isEqualTo(2);
    assertThat(result.passed()).isFalse();
  }

  @Test
  void operationsOnWhatIsNotThere() {
    Map<String, Object> noFile = Map.of("ret", -1L, "errno", 9L);
    op("@nosuch memslot 0 0 0 0x1000 0", noFile);
    op("vm 0", OK);
    op("get_regs", noFile);
    op("run", noFile);
    op("@vm run", Map.of("ret", -1L, "errno", 25L));
    op("ioctl vm rw 0xd4 0x3fff " + "ff".repeat(2000), Map.of("ret", -1L, "errno", 25L));
    op("run_state", OK);
    CaseResult result = replayed();
    assertThat(result.differing()).isEqualTo(1);
    assertThat(result.differences().getFirst().toString()).contains("there is no vCPU cpu");
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      value = {
        "vm                          | TYPE is missing",
        "vcpu 0 a b                  | 'b' is one word too many",
        "sregs flat                  | 'flat' is not NAME=VALUE",
        "sregs cr9=1                 | 'cr9' is not one of cr0",
        "regs rax=0x10000000000000000 | rax '0x10000000000000000' is not a number",
        "ioctl vm x 1 1 1            | 'x' is not one of n, r, w, rw",
        "ioctl vm w 1 0x4000 -       | SIZE 0x4000 is out of range: 0 to 16383",
        "ioctl vm w 1 8 0            | ARG '0' is not bytes of two hexadecimal digits",
        "memslot 0 rw 0 0 0          | FLAGS 'rw' is neither a number",
        "memslot 4294967296 0 0 0 0  | SLOT 4294967296 is out of range",
        "gsi_routing 1:2:3           | '1:2:3' is not GSI:TYPE:CHIP:PIN",
        "set_cpuid2 1:0:0:0:0        | '1:0:0:0:0' is not FN:IDX:A:B:C:D",
        "set_events none=1           | 'none' is not one of exc",
        "set_fpu st0=1               | st0 '1' is not bytes",
        "get_sreg                    | F is missing",
        "get_cpuid2 100001           | NENT 100001 is out of range: 0 to 100000",
        "dirty_log 0 99999999        | PAGES 99999999 is out of range",
        "run_timer 1001              | MS 1001 is out of range: 0 to 1000",
        "mmio_data 001122334455667788 | HEX has more than 8 bytes",
        "check_ext_range kvm 0 5000  | more than 4096 capabilities"
      })
  void operationsThatAreNone(String text, String reason) {
    op(text, OK);
    assertThatThrownBy(this::replayed)
        .isInstanceOf(BadGoldenException.class)
        .hasMessageStartingWith("f.json:2: case case: op 0 '" + text + "': ")
        .hasMessageContaining(reason);
  }
}
