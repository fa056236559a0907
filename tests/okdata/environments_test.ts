import { assertEquals } from "@std/assert";
import { ENVIRONMENTS, LOCAL_API_URL } from "../../src/okdata/environments.ts";

Deno.test("ENVIRONMENTS has the platform's published addresses", () => {
  assertEquals(ENVIRONMENTS, {
    dev: {
      apiUrl: "https://api.data-dev.oslo.systems/metadata/datasets",
      tokenUrl: "https://login-test.oslo.kommune.no" +
        "/auth/realms/api-catalog/protocol/openid-connect/token",
    },
    prod: {
      apiUrl: "https://api.data.oslo.systems/metadata/datasets",
      tokenUrl: "https://login.oslo.kommune.no" +
        "/auth/realms/api-catalog/protocol/openid-connect/token",
    },
  });
});

Deno.test("LOCAL_API_URL is the emulator on this machine", () => {
  assertEquals(LOCAL_API_URL, "http://localhost:8081/metadata");
});
