package dev.quire.kvm.server;

import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import javax.net.ssl.SSLException;

/** Where the service listens. */
public sealed interface Listener {
  /** A UNIX socket that only its user can open. */
  record Unix(Path path) implements Listener {
    @Override
    public String toString() {
      return "unix:" + path;
    }
  }

  /** A TCP port, with TLS 1.3 only. */
  final class Tcp implements Listener {
    private static final int LEAST_TOKEN_BYTES = 16;

    private final InetSocketAddress address;
    private final SslContext tls;
    private final byte[] access;

    private Tcp(InetSocketAddress address, SslContext tls, byte[] access) {
      this.address = address;
      this.tls = tls;
      this.access = access;
    }

    /**
     * Reads what TLS needs.
     *
     * @param certificate a file with a chain of X.509 certificates, PEM
     * @param key a file with its private key, PKCS 8 PEM without a password
     * @param token that clients must have; at least 16 bytes
     * @throws IOException with one line to tell the user: they cannot be read, do not belong
     *     together, or the certificate has expired
     */
    public static Tcp of(InetSocketAddress address, Path certificate, Path key, byte[] token)
        throws IOException {
      if (token.length < LEAST_TOKEN_BYTES) {
        throw new IOException(
            "a token of " + token.length + " bytes can be guessed; take at least 16");
      }
      try {
        SslContext tls =
            SslContextBuilder.forServer(certificate.toFile(), key.toFile())
                .sslProvider(SslProvider.JDK)
                .protocols("TLSv1.3")
                .build();
        TlsFiles.check(certificate, key, Instant.now());
        byte[] access = MessageDigest.getInstance("SHA-256").digest(token);
        return new Tcp(address, tls, access);
      } catch (SSLException | IllegalArgumentException e) {
        throw new IOException(
            "no TLS with " + certificate + " and " + key + ": " + e.getMessage(), e);
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("every JDK has SHA-256", e);
      }
    }

    InetSocketAddress address() {
      return address;
    }

    SslContext tls() {
      return tls;
    }

    boolean accepts(byte[] sha256) {
      return MessageDigest.isEqual(access, sha256);
    }

    @Override
    public String toString() {
      return "tcp:" + address.getHostString() + ":" + address.getPort();
    }
  }
}
