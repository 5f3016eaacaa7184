package dev.quire.kvm.server;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Instant;
import java.util.Base64;
import java.util.Date;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What is asked of a certificate and a private key before any client could: TLS itself takes both
 * as they are and lets every handshake fail. Stateless.
 */
final class TlsFiles {
  private static final Pattern KEY =
      Pattern.compile("-----BEGIN PRIVATE KEY-----(.*?)-----END", Pattern.DOTALL);

  private TlsFiles() {}

  /**
   * Refuses a certificate that no client would take, and a key that is another's.
   *
   * @param certificate PEM, the service's own first; it was read by TLS, as the key was
   * @param key PKCS 8 PEM
   * @throws IOException with one line to tell the user
   */
  static void check(Path certificate, Path key, Instant now) throws IOException {
    X509Certificate own;
    try (InputStream in = Files.newInputStream(certificate)) {
      own = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
    } catch (CertificateException e) {
      throw new IOException(certificate + " is no X.509 certificate: " + e.getMessage(), e);
    }
    try {
      own.checkValidity(Date.from(now));
    } catch (CertificateException e) {
      throw new IOException(
          "%s is valid from %s to %s only, so no client would take it; make another"
              .formatted(
                  certificate, own.getNotBefore().toInstant(), own.getNotAfter().toInstant()),
          e);
    }
    Matcher pem = KEY.matcher(Files.readString(key, StandardCharsets.ISO_8859_1));
    if (pem.find() && !isPair(own.getPublicKey(), Base64.getMimeDecoder().decode(pem.group(1)))) {
      throw new IOException(key + " is not the private key of " + certificate);
    }
  }

  private static boolean isPair(PublicKey publicKey, byte[] pkcs8) {
    String algorithm = publicKey.getAlgorithm();
    byte[] text = "a pair".getBytes(StandardCharsets.US_ASCII);
    try {
      PrivateKey privateKey =
          KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
      Signature signature =
          Signature.getInstance(
              switch (algorithm) {
                case "RSA" -> "SHA256withRSA";
                case "EC" -> "SHA256withECDSA";
                default -> algorithm;
              });
      signature.initSign(privateKey);
      signature.update(text);
      byte[] signed = signature.sign();
      signature.initVerify(publicKey);
      signature.update(text);
      return signature.verify(signed);
    } catch (GeneralSecurityException e) {
      return false; // a key of another kind
    }
  }
}
