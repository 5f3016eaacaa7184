package dev.quire.kvm.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kvm.client.Kvm;
import dev.quire.kvm.client.Vcpu;
import dev.quire.kvm.client.VcpuExit;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The HTTP port: metrics, live figures, and the page. */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class StatusServerTest {
  /** mov [0x3000], al; out 0x10, al; hlt. */
  private static final int[] STORE_AND_OUT = {0xa2, 0x00, 0x30, 0xe6, 0x10, 0xf4};

  @TempDir Path folder;

  private final HttpClient http = HttpClient.newHttpClient();
  private RunningService service;

  @BeforeEach
  void start() throws IOException {
    ServiceOptions usual = ServiceOptions.DEFAULT;
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    service =
        RunningService.start(
            new ServiceOptions(
                usual.x86(), usual.profile(), usual.settings(), any, usual.reports()));
    service.listen(new Listener.Unix(folder.resolve("kvm.sock")));
  }

  @AfterEach
  void stop() {
    service.close();
    http.close();
  }

  private HttpRequest.Builder at(String path) {
    return HttpRequest.newBuilder(
        URI.create("http://127.0.0.1:" + service.http().getPort() + path));
  }

  private HttpResponse<String> get(String path) throws IOException, InterruptedException {
    return http.send(at(path).build(), HttpResponse.BodyHandlers.ofString());
  }

  private double metric(String name) throws IOException, InterruptedException {
    return get("/metrics")
        .body()
        .lines()
        .filter(line -> line.startsWith(name + " "))
        .mapToDouble(line -> Double.parseDouble(line.substring(name.length() + 1)))
        .sum();
  }

  private void waitForNoVm() throws IOException, InterruptedException {
    while (metric("quire_kvm_vms") > 0) {
      Thread.sleep(5);
    }
  }

  @Test
  void metricsAndLiveFiguresAreOfTheVmsThereAre() throws Exception {
    try (Kvm kvm = Kvm.connect(folder.resolve("kvm.sock"))) {
      Vcpu vcpu = new RealModeGuest(kvm, STORE_AND_OUT).vcpu(0);
      assertThat(vcpu.run()).isInstanceOf(VcpuExit.Io.class);
      assertThat(metric("quire_kvm_exits_total")).isEqualTo(1);
      assertThat(metric("quire_kvm_processes")).isEqualTo(1);
      assertThat(metric("quire_kvm_waiting")).isZero();
      assertThat(metric("quire_kvm_vms")).isEqualTo(1);
      assertThat(metric("quire_kvm_vcpus")).isEqualTo(1);
      assertThat(metric("quire_kvm_memory_bytes")).isPositive();
      assertThat(metric("quire_kvm_faults_total")).isGreaterThanOrEqualTo(2);
      assertThat(metric("quire_kvm_tlb_misses_total")).isGreaterThanOrEqualTo(2);
      assertThat(get("/live.json").body())
          .contains("\"exits\":1,")
          .contains("\"waiting\":0,")
          .contains("\"vcpus\":1,");
    }
  }

  @Test
  void countersOfVmsThatEndedStay() throws Exception {
    double faults = 0;
    double misses = 0;
    for (int turn = 1; turn <= 3; turn++) {
      try (Kvm kvm = Kvm.connect(folder.resolve("kvm.sock"))) {
        assertThat(new RealModeGuest(kvm, STORE_AND_OUT).vcpu(0).run())
            .isInstanceOf(VcpuExit.Io.class);
      }
      waitForNoVm();
      double faultsOfTurn = metric("quire_kvm_faults_total") - faults;
      double missesOfTurn = metric("quire_kvm_tlb_misses_total") - misses;
      assertThat(faultsOfTurn).isGreaterThanOrEqualTo(2);
      assertThat(missesOfTurn).isGreaterThanOrEqualTo(2);
      assertThat(turn == 1 || faults == faultsOfTurn * (turn - 1)).isTrue();
      faults += faultsOfTurn;
      misses += missesOfTurn;
    }
    assertThat(metric("quire_kvm_memory_bytes")).isZero();
  }

  @Test
  void pageIsThereAndNothingElse() throws Exception {
    HttpResponse<String> page = get("/");
    assertThat(page.body()).contains("<title>quire serve</title>");
    assertThat(page.headers().firstValue("Content-Type")).hasValue("text/html; charset=utf-8");
    assertThat(get("/../etc/passwd").statusCode()).isEqualTo(404);
    HttpRequest post =
        at("/metrics").POST(HttpRequest.BodyPublishers.ofString("quire_kvm_vms 7")).build();
    assertThat(http.send(post, HttpResponse.BodyHandlers.ofString()).statusCode()).isEqualTo(405);
  }

  /** A client that keeps its connection must not find it closed when it asks again. */
  @Test
  void oneConnectionAsksAgainAndIsToldWhenItEnds() throws Exception {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), service.http().getPort())) {
      for (int i = 0; i < 3; i++) {
        assertThat(answer(socket, "GET /live.json HTTP/1.1\r\nHost: here\r\n\r\n"))
            .startsWith("HTTP/1.1 200 ")
            .doesNotContainIgnoringCase("connection: close");
      }
      assertThat(answer(socket, "GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"))
          .startsWith("HTTP/1.1 200 ")
          .containsIgnoringCase("connection: close");
      assertThat(socket.getInputStream().read()).isEqualTo(-1);
    }
  }

  @Test
  void whatIsNoHttpIsRefusedAndTheConnectionEnds() throws Exception {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), service.http().getPort())) {
      assertThat(answer(socket, "no request at all\u0001\r\n\r\n"))
          .startsWith("HTTP/1.1 400 ")
          .containsIgnoringCase("connection: close");
      assertThat(socket.getInputStream().read()).isEqualTo(-1);
    }
  }

  /** Sends a request; the answer's head, its body read past. */
  private static String answer(Socket socket, String request) throws IOException {
    socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      int next = socket.getInputStream().read();
      assertThat(next).as("connection ended after '%s'", head).isNotEqualTo(-1);
      head.append((char) next);
    }
    Matcher length = Pattern.compile("(?i)content-length: (\\d+)").matcher(head);
    assertThat(length.find()).isTrue();
    socket.getInputStream().readNBytes(Integer.parseInt(length.group(1)));
    return head.toString();
  }
}
