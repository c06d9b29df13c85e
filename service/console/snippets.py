"""How a receiver verifies a request, in five languages, with the secret filled in if it is known.

Every snippet follows Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`.
"""

from dataclasses import dataclass

PLACE = "whsec_YOUR_SECRET"


@dataclass(frozen=True, slots=True)
class Snippet:
    """Source text in one language."""

    language: str
    text: str


def snippets(secret: str | None) -> list[Snippet]:
    """Return the snippets; without a secret they have a placeholder."""
    return [
        Snippet(language, text.replace(PLACE, secret or PLACE).strip("\n"))
        for language, text in TEXTS.items()
    ]


TEXTS = {
    "Python": """
import base64, hashlib, hmac, time

SECRET = base64.b64decode("whsec_YOUR_SECRET".removeprefix("whsec_"))

def is_genuine(headers: dict[str, str], body: bytes) -> bool:
    sent_at = headers["webhook-timestamp"]
    if abs(time.time() - int(sent_at)) > 300:
        return False
    signed = f"{headers['webhook-id']}.{sent_at}.".encode() + body
    wanted = base64.b64encode(hmac.digest(SECRET, signed, hashlib.sha256)).decode()
    given = headers["webhook-signature"].split()
    return any(hmac.compare_digest(f"v1,{wanted}", one) for one in given)
""",
    "JavaScript": """
import { createHmac, timingSafeEqual } from "node:crypto";

const secret = Buffer.from("whsec_YOUR_SECRET".slice("whsec_".length), "base64");

export function isGenuine(headers, body) {
  const sentAt = headers["webhook-timestamp"];
  if (!(Math.abs(Date.now() / 1000 - Number(sentAt)) <= 300)) return false;
  const wanted = createHmac("sha256", secret)
    .update(`${headers["webhook-id"]}.${sentAt}.`).update(body).digest();
  return headers["webhook-signature"].split(" ").some((one) => {
    const given = Buffer.from(one.replace(/^v1,/, ""), "base64");
    return one.startsWith("v1,") && given.length === wanted.length
      && timingSafeEqual(given, wanted);
  });
}
""",
    "PHP": """
<?php
function is_genuine(array $headers, string $body): bool {
    $secret = base64_decode(substr('whsec_YOUR_SECRET', strlen('whsec_')));
    $sentAt = $headers['webhook-timestamp'];
    if (abs(time() - (int) $sentAt) > 300) return false;
    $signed = $headers['webhook-id'] . '.' . $sentAt . '.' . $body;
    $wanted = 'v1,' . base64_encode(hash_hmac('sha256', $signed, $secret, true));
    foreach (explode(' ', $headers['webhook-signature']) as $given) {
        if (hash_equals($wanted, $given)) return true;
    }
    return false;
}
""",
    "Go": """
package hooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

var secret, _ = base64.StdEncoding.DecodeString(strings.TrimPrefix("whsec_YOUR_SECRET", "whsec_"))

func IsGenuine(h http.Header, body []byte) bool {
	sentAt, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(sentAt, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(h.Get("webhook-id") + "." + h.Get("webhook-timestamp") + "."))
	mac.Write(body)
	wanted := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, given := range strings.Fields(h.Get("webhook-signature")) {
		if hmac.Equal([]byte(given), []byte(wanted)) {
			return true
		}
	}
	return false
}
""",
    "Ruby": """
require "base64"
require "openssl"

SECRET = Base64.decode64("whsec_YOUR_SECRET".delete_prefix("whsec_"))

def genuine?(headers, body)
  sent_at = headers["webhook-timestamp"]
  return false if (Time.now.to_i - sent_at.to_i).abs > 300

  signed = "#{headers["webhook-id"]}.#{sent_at}.#{body}"
  wanted = "v1," + Base64.strict_encode64(OpenSSL::HMAC.digest("SHA256", SECRET, signed))
  headers["webhook-signature"].split.any? { |given| OpenSSL.secure_compare(given, wanted) }
end
""",
}
