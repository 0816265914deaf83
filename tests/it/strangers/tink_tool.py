"""Seals and opens with Google's Tink, on behalf of strangers.rs.

Reads one JSON list of jobs from standard input and writes one JSON list of answers to standard
output. Bytes are hexadecimal. An answer is the result's bytes, or null where Tink refuses.
"""

import io
import json
import sys

import tink
from tink import hybrid, secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, hpke_pb2, tink_pb2


def keyset(kind, material, key):
    """A keyset of one RAW key, the way Tink stores them."""
    data = tink_pb2.KeyData(
        type_url="type.googleapis.com/google.crypto.tink." + kind,
        value=key.SerializeToString(),
        key_material_type=material,
    )
    entry = tink_pb2.Keyset.Key(
        key_data=data,
        status=tink_pb2.ENABLED,
        key_id=1,
        output_prefix_type=tink_pb2.RAW,
    )
    serialized = tink_pb2.Keyset(primary_key_id=1, key=[entry]).SerializeToString()
    return tink.proto_keyset_format.parse(serialized, secret_key_access.TOKEN)


def streaming(job):
    key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
        version=0,
        key_value=bytes.fromhex(job["key"]),
        params=aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
            ciphertext_segment_size=65536,
            derived_key_size=32,
            hkdf_hash_type=common_pb2.SHA256,
        ),
    )
    return keyset(
        "AesGcmHkdfStreamingKey", tink_pb2.KeyData.SYMMETRIC, key
    ).primitive(streaming_aead.StreamingAead)


def hpke_public(job):
    return hpke_pb2.HpkePublicKey(
        version=0,
        params=hpke_pb2.HpkeParams(
            kem=hpke_pb2.DHKEM_X25519_HKDF_SHA256,
            kdf=hpke_pb2.HKDF_SHA256,
            aead=hpke_pb2.AES_256_GCM,
        ),
        public_key=bytes.fromhex(job["public_key"]),
    )


def open_part(job):
    sealed = io.BytesIO(bytes.fromhex(job["input"]))
    with streaming(job).new_decrypting_stream(sealed, bytes.fromhex(job["info"])) as stream:
        return stream.read()


def seal_part(job):
    class Kept(io.BytesIO):
        def close(self):
            self.kept = self.getvalue()
            super().close()

    sealed = Kept()
    with streaming(job).new_encrypting_stream(sealed, bytes.fromhex(job["info"])) as stream:
        stream.write(bytes.fromhex(job["input"]))
    return sealed.kept


def open_wrap(job):
    key = hpke_pb2.HpkePrivateKey(
        version=0,
        public_key=hpke_public(job),
        private_key=bytes.fromhex(job["key"]),
    )
    handle = keyset("HpkePrivateKey", tink_pb2.KeyData.ASYMMETRIC_PRIVATE, key)
    return handle.primitive(hybrid.HybridDecrypt).decrypt(
        bytes.fromhex(job["input"]), bytes.fromhex(job["info"])
    )


def seal_wrap(job):
    public = tink_pb2.KeyData.ASYMMETRIC_PUBLIC
    handle = keyset("HpkePublicKey", public, hpke_public(job))
    return handle.primitive(hybrid.HybridEncrypt).encrypt(
        bytes.fromhex(job["input"]), bytes.fromhex(job["info"])
    )


JOBS = {
    "open_part": open_part,
    "seal_part": seal_part,
    "open_wrap": open_wrap,
    "seal_wrap": seal_wrap,
}


def answer(job):
    try:
        return JOBS[job["do"]](job).hex()
    except (tink.TinkError, ValueError, OSError) as error:
        print(f"{job['do']}: {type(error).__name__}: {error}", file=sys.stderr)
        return None


def main():
    streaming_aead.register()
    hybrid.register()
    json.dump([answer(job) for job in json.load(sys.stdin)], sys.stdout)


main()
