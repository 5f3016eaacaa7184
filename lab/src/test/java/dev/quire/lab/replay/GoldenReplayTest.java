package dev.quire.lab.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Everything that was recorded on a real kernel, case by case, on the modelled one. */
class GoldenReplayTest {
  private static final List<String> FILES = List.of("anon_mthp.json", "file_pagecache.json");
  private static final int CASES = 159 + 124;

  private static List<GoldenCase> cases(String file) {
    List<GoldenCase> cases = new ArrayList<>();
    try (GoldenReader reader =
        GoldenReader.open(file, GoldenReplayTest.class.getResourceAsStream(file))) {
      for (GoldenCase next = reader.next(); next != null; next = reader.next()) {
        cases.add(next);
      }
    }
    return cases;
  }

  private static Set<String> knownFailing() throws IOException {
    try (InputStream list = GoldenReplayTest.class.getResourceAsStream("known-failing.txt")) {
      return list == null
          ? Set.of()
          : new HashSet<>(new String(list.readAllBytes(), StandardCharsets.UTF_8).lines().toList());
    }
  }

  @TestFactory
  Stream<DynamicTest> everyCasePasses() throws IOException {
    Set<String> failing = knownFailing();
    return FILES.stream()
        .flatMap(
            file ->
                cases(file).stream()
                    .map(
                        next ->
                            dynamicTest(
                                file + " " + next.name(),
                                () -> check(next, failing.contains(file + " " + next.name())))));
  }

  private static void check(GoldenCase next, boolean knownFailing) {
    CaseResult result = CaseReplay.run(next);
    if (knownFailing) {
      assertThat(result.passed())
          .as("passes, but is listed in known-failing.txt: take it off the list")
          .isFalse();
    } else {
      assertThat(result.differences()).isEmpty();
      assertThat(result.outcome()).as(result.reason()).isEqualTo(CaseResult.Outcome.PASSED);
    }
  }

  @Test
  void noCaseIsMissing() throws IOException {
    Set<String> names = new HashSet<>();
    for (String file : FILES) {
      cases(file).forEach(next -> names.add(file + " " + next.name()));
    }
    assertThat(names).hasSize(CASES).containsAll(knownFailing());
  }
}
