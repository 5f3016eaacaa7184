package dev.quire.lab.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.lab.replay.CaseResult.Outcome;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Sessions that no recording has: bytes, pipes, descriptors, and scripts that make no sense. */
class SessionReplayTest {
  private static final Map<String, Object> OK = Map.of("ret", 0L, "errno", 0L);

  private final List<String> ops = new ArrayList<>();
  private final List<Map<String, Object>> observed = new ArrayList<>();

  private void op(String text, Map<String, Object> answer) {
    ops.add(text);
    observed.add(answer);
  }

  private static Map<String, Object> error(long errno) {
    return Map.of("ret", -1L, "errno", errno);
  }

  /** In the order a recording has: differences are told in that order. */
  private static Map<String, Object> value(long value) {
    Map<String, Object> answer = new LinkedHashMap<>();
    answer.put("signal", 0L);
    answer.put("value", value);
    return answer;
  }

  private static Map<String, Object> data(String hex) {
    return Map.of("signal", 0L, "data", hex);
  }

  private CaseResult replayed() {
    return CaseReplay.run(
        new GoldenCase("f.json", 2, "case", Map.of("ops", ops, "observed", observed)));
  }

  private void passes() {
    CaseResult result = replayed();
    assertThat(result.differences()).isEmpty();
    assertThat(result.outcome()).isEqualTo(Outcome.PASSED);
  }

  @Test
  void bytesAreStoredAndLoaded() {
    op("map 0 4 rw", OK);
    op("mem 0+0xffe 01020304", Map.of("ret", 0L));
    op("peek 0+0xffd 6", data("000102030400"));
    op("words 2 0xfffffffffffffffe 2 3", Map.of("ret", 0L));
    op("peek 2 17", data("feffffffffffffff010000000000000000"));
    op("get s+4096", value(2));
    op("peek s+0xfff 2", data("ab02"));
    op("mprotect 1 1 r", OK);
    op("mem 0+0xffe aabbccdd", Map.of("signal", 11L, "si_code", 2L, "si_addr", "1+0x0"));
    op("peek 0+0xffe 4", data("aabb0304"));
    op("munmap 3 1", OK);
    op("peek 2+0xfff 2", Map.of("signal", 11L, "si_code", 1L, "si_addr", "3+0x0"));
    passes();
  }

  @Test
  void aForkedChildHasItsOwnBytes() {
    op("map 0 1 rw", OK);
    op("mapshared 8 1 rw", OK);
    op("set 0 1", Map.of("signal", 0L));
    op("set 8 1", Map.of("signal", 0L));
    op("fork", OK);
    op("set 0 2", Map.of("signal", 0L));
    op("c: set 8 3", Map.of("signal", 0L));
    op("c: get 0", value(1));
    op("get 0", value(2));
    op("get 8", value(3));
    op("cexit", Map.of("ret", 0L, "status", 0L));
    passes();
  }

  @Test
  void pipesCopyWholeBuffers() {
    op("map 0 8 rw", OK);
    op("sysread 0+0x800 1", Map.of("ret", 4096L, "errno", 0L));
    op("get 1+0x7ff", value(0x5c));
    op("get 1+0x800", value(0));
    op("munmap 2 1", OK);
    op("sysread 0 4", Map.of("ret", 8192L, "errno", 0L));
    op("sysread 2 1", error(14));
    op("syswrite 1+0x800 1", error(14));
    op("syswrite 0 4", Map.of("ret", 8192L, "errno", 0L));
    op("vmsplice 0 2", Map.of("ret", 8192L, "errno", 0L));
    op("vmsplice 1 2", error(14));
    op("syswrite =0x1000 1", error(14));
    passes();
  }

  @Test
  void filesHaveContentAndDescriptors() {
    op("open memfd 4", OK);
    op("mapf 0 4 rw s 0", OK);
    op("fwrite 0 2", Map.of("ret", 8192L, "errno", 0L));
    op("get 1", value(2));
    op("set 3 9", Map.of("signal", 0L));
    op("fread 2 2", Map.of("ret", 8192L, "errno", 0L, "first_byte", 9L));
    op(
        "fstat",
        Map.of(
            "ret", 0L, "errno", 0L, "size", 16384L, "blocks", 24L, "nlink", 0L, "mode", "0x81ff"));
    op("fchmod 600", OK);
    op("lseek 0 3", Map.of("ret", 0L, "errno", 0L));
    op("lseek 0 4", Map.of("ret", 8192L, "errno", 0L));
    op("rawread 100", Map.of("ret", 100L, "errno", 0L));
    op("lseek 0 1", Map.of("ret", 8292L, "errno", 0L));
    op("pwrite 3 5", Map.of("ret", 3L, "errno", 0L));
    op("peek 0+4 5", data("ab01ababab"));
    op("fcntl 3 0", Map.of("ret", 0x8002L, "errno", 0L));
    op("reopen_ro r", OK);
    op("@r fcntl 3 0", Map.of("ret", 0x8000L, "errno", 0L));
    op("@r pwrite 1 0", error(9));
    op("@r ftruncate 1", error(22));
    op("@r mapf 8 1 rw s 0", error(13));
    op("@r mapf 8 1 r s 0", OK);
    op("dup d", OK);
    op("close f", OK);
    op("close f", error(9));
    op("fwrite 0 1", error(9));
    op("@d fpunch 1 1", OK);
    op("get 1", value(0));
    op("@f mapf 0 1 rw s 0", error(9));
    passes();
  }

  @Test
  void ioctlsOnOtherDescriptors() {
    op("open memfd 1", OK);
    op("@f register 0 1 missing", error(25));
    op("register 0 1 missing", error(9));
    op("@f poll", Map.of("ret", 1L, "errno", 0L, "revents", "0x1"));
    op("event", Map.of("event", "none"));
    op("uffd cloexec|nonblock", OK);
    op("@u fcntl 1 0", Map.of("ret", 1L, "errno", 0L));
    op("@u fcntl 3 0", Map.of("ret", 2048L, "errno", 0L));
    op("@u reopen_ro r", error(6));
    op("@u mapf 0 1 r p 0", error(19));
    passes();
  }

  @Test
  void aCallThatWaitsForEverIsADifference() {
    op("map 0 1 rw", OK);
    op("uffd 0", OK);
    op(
        "uffd_api 0xaa 0",
        Map.of(
            "ret", 0L,
            "errno", 0L,
            "api", "0xaa",
            "features", "0x1ffff",
            "ioctls", "0x8000000000000003"));
    op("register 0 1 missing", Map.of("ret", 0L, "errno", 0L, "ioctls", "0x13c"));
    op("get 0", value(0));
    op("get 0", value(0));
    CaseResult result = replayed();
    assertThat(result.outcome()).isEqualTo(Outcome.FAILED);
    assertThat(result.differences().getFirst().toString())
        .isEqualTo("op 4 'get 0': signal: expected 0, got none");
    assertThat(result.differences().getLast().toString())
        .contains("op 5 'get 0': model", "its last operation still waits");
  }

  @Test
  void whatIsNotAnsweredOrNotAskedIsADifference() {
    op("map 0 1 rw", Map.of("ret", 0L));
    op("get 0", Map.of("signal", 0L, "value", 0L, "minflt", 1L));
    assertThat(replayed().differences())
        .extracting(Difference::toString)
        .containsExactly(
            "op 0 'map 0 1 rw': errno: expected none, got 0",
            "op 1 'get 0': minflt: expected 1, got none");
  }

  @Test
  void scriptsThatMakeNoSense() {
    op("c: get 0", value(0));
    assertThatThrownBy(this::replayed)
        .isInstanceOf(BadGoldenException.class)
        .hasMessage("f.json:2: case case: op 0 'c: get 0': no child was forked");
    ops.set(0, "get");
    assertThatThrownBy(this::replayed)
        .isInstanceOf(BadGoldenException.class)
        .hasMessage("f.json:2: case case: op 0 'get': an address is missing");
    ops.set(0, "fcntl 1030 0");
    assertThat(replayed().outcome()).isEqualTo(Outcome.UNSUPPORTED);
  }
}
