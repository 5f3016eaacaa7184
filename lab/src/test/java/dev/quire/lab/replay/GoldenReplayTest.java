package dev.quire.lab.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Everything that was recorded on a real kernel, case by case, on the modelled one. */
class GoldenReplayTest {
  /** How many cases each file has: none may go missing. */
  private static final Map<String, Integer> FILES = new LinkedHashMap<>();

  static {
    FILES.put("anon_mthp.json", 159);
    FILES.put("file_pagecache.json", 124);
    FILES.put("userfaultfd.json", 543);
    FILES.put("random_anon.json", 125);
    FILES.put("random_files.json", 128);
    FILES.put("random_userfaultfd.json", 152);
    FILES.put("lseek.json", 2);
    FILES.put("kvm_api.json", 375);
    FILES.put("kvm_run.json", 130);
    FILES.put("random_kvm.json", 270);
    FILES.put("random_kvm_guests.json.gz", 600);
  }

  private static List<GoldenCase> cases(String file) {
    List<GoldenCase> cases = new ArrayList<>();
    try (GoldenReader reader = GoldenReader.open(file, stream(file))) {
      for (GoldenCase next = reader.next(); next != null; next = reader.next()) {
        cases.add(next);
      }
    }
    return cases;
  }

  private static InputStream stream(String file) {
    InputStream stream = GoldenReplayTest.class.getResourceAsStream(file);
    try {
      return file.endsWith(".gz") ? new GZIPInputStream(stream) : stream;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @TestFactory
  Stream<DynamicTest> everyCasePasses() {
    return FILES.keySet().stream()
        .flatMap(
            file ->
                cases(file).stream()
                    .map(next -> dynamicTest(file + " " + next.name(), () -> check(next))));
  }

  private static void check(GoldenCase next) {
    CaseResult result = CaseReplay.run(next);
    if (result.outcome() == CaseResult.Outcome.BACKEND) {
      // Its recording is of another kind of KVM: it runs to its end, and that is all.
      assertThat(result.differences()).noneMatch(difference -> difference.field().equals("model"));
      return;
    }
    assertThat(result.differences()).isEmpty();
    assertThat(result.outcome()).as(result.reason()).isEqualTo(CaseResult.Outcome.PASSED);
  }

  /** No more are excused than those that say so. */
  @Test
  void casesOfTheirHostAlone() {
    for (Map.Entry<String, Integer> file :
        Map.of("kvm_api.json", 42, "kvm_run.json", 22, "random_kvm.json", 0).entrySet()) {
      assertThat(cases(file.getKey()).stream().filter(GoldenCase::isOfItsHost))
          .as(file.getKey())
          .hasSize(file.getValue());
    }
  }

  @Test
  void noCaseIsMissing() {
    FILES.forEach((file, count) -> assertThat(cases(file)).as(file).hasSize(count));
  }
}
