package dev.quire.kvm.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.kvm.client.Kvm;
import dev.quire.kvm.client.KvmException;
import dev.quire.kvm.client.Vcpu;
import dev.quire.kvm.client.VcpuExit;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Instant;
import java.util.Base64;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Clients over TCP. The certificate is the test's own, for localhost. */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TlsTest {
  private static final int EACCES = 13;
  private static final byte[] TOKEN = "sixteen bytes or more".getBytes(StandardCharsets.UTF_8);

  @TempDir Path folder;

  private static InetSocketAddress listen(TestService service) throws Exception {
    InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
    Listener listener =
        Listener.Tcp.of(
            any, TestService.resource("cert.pem"), TestService.resource("key.pem"), TOKEN);
    return (InetSocketAddress) service.server.listen(listener);
  }

  private static SSLContext trust() throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null);
    try (InputStream in = Files.newInputStream(TestService.resource("cert.pem"))) {
      store.setCertificateEntry(
          "test", CertificateFactory.getInstance("X.509").generateCertificate(in));
    }
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    SSLContext context = SSLContext.getInstance("TLSv1.3");
    context.init(null, factory.getTrustManagers(), null);
    return context;
  }

  @Test
  void remoteClientRunsAGuestAndReadsWhatItWrote() throws Exception {
    // mov byte [0x3000], 7; mov al, [0x3001]; out 0x10, al; hlt
    int[] code = {0xc6, 0x06, 0x00, 0x30, 7, 0xa0, 0x01, 0x30, 0xe6, 0x10, 0xf4};
    try (TestService service = new TestService(folder);
        Kvm kvm = Kvm.connect(listen(service), trust(), TOKEN)) {
      RealModeGuest guest = new RealModeGuest(kvm, code);
      guest.memory.write(0x3001, new byte[] {99});
      Vcpu vcpu = guest.vcpu(0);
      VcpuExit.Io out = (VcpuExit.Io) vcpu.run();
      assertThat(out.data()).containsExactly(99);
      assertThat(vcpu.run()).isInstanceOf(VcpuExit.Hlt.class);
      assertThat(guest.memory.changedPages()).containsExactly(3L);
      assertThat(guest.memory.read(0x3000, 1)).containsExactly(7);
      assertThat(guest.memory.changedPages()).isEmpty();
    }
  }

  /** Each handshake would fail, one by one. */
  @Test
  void filesThatNoClientWouldTakeAreRefused() throws Exception {
    Path certificate = TestService.resource("cert.pem");
    for (String algorithm : new String[] {"RSA", "EC"}) {
      byte[] other =
          KeyPairGenerator.getInstance(algorithm).generateKeyPair().getPrivate().getEncoded();
      Path key = folder.resolve(algorithm + ".pem");
      Files.writeString(
          key,
          "-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n"
              .formatted(Base64.getMimeEncoder().encodeToString(other)));
      assertThatThrownBy(
              () -> Listener.Tcp.of(new InetSocketAddress("127.0.0.1", 0), certificate, key, TOKEN))
          .isInstanceOf(IOException.class)
          .hasMessage(key + " is not the private key of " + certificate);
    }
    Path key = TestService.resource("key.pem");
    Instant late = Instant.parse("2999-01-01T00:00:00Z");
    assertThatThrownBy(() -> TlsFiles.check(certificate, key, late))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is valid from")
        .hasMessageContaining("make another");
  }

  @Test
  void withoutTheTokenThereIsNothing() throws Exception {
    try (TestService service = new TestService(folder)) {
      InetSocketAddress address = listen(service);
      byte[] wrong = "sixteen bytes or less".getBytes(StandardCharsets.UTF_8);
      assertThatThrownBy(() -> Kvm.connect(address, trust(), wrong))
          .isInstanceOfSatisfying(KvmException.class, e -> assertThat(e.errno()).isEqualTo(EACCES));
      assertThat(service.server.processCount()).isZero();
    }
  }

  /** Bytes until the end: at most an alert record of TLS. */
  private static int answer(Socket plain) throws IOException {
    try {
      return plain.getInputStream().readAllBytes().length;
    } catch (SocketException e) {
      // Reset: it was closed with our bytes unread.
      return 0;
    }
  }

  @Test
  void withoutTlsThereIsNothing() throws Exception {
    try (TestService service = new TestService(folder);
        Socket plain = new Socket()) {
      plain.connect(listen(service));
      plain.getOutputStream().write(new byte[4096]);
      assertThat(answer(plain)).isLessThan(16);
      assertThat(service.server.processCount()).isZero();
    }
  }
}
