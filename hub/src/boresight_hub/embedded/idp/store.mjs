// Sessions, grants and refresh tokens, kept in SQLite so that they outlive a restart.
import { DatabaseSync } from 'node:sqlite';

const SWEEP_INTERVAL_MS = 60_000;
const FORMAT = 1;

// What is destroyed when its grant is revoked
const GRANTABLE = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken', 'DeviceCode']);

const now = () => Math.floor(Date.now() / 1000);

export class Store {
  #database;

  #statements;

  #sweeper;

  constructor(path) {
    this.#database = new DatabaseSync(path);
    this.#database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      PRAGMA busy_timeout = 5000;
      CREATE TABLE IF NOT EXISTS entry (
        model TEXT NOT NULL, id TEXT NOT NULL, payload TEXT NOT NULL, expires_at INTEGER,
        grant_id TEXT, uid TEXT, user_code TEXT, PRIMARY KEY (model, id)
      ) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS entry_grant ON entry (grant_id) WHERE grant_id IS NOT NULL;
      CREATE INDEX IF NOT EXISTS entry_uid ON entry (model, uid) WHERE uid IS NOT NULL;
      CREATE INDEX IF NOT EXISTS entry_code ON entry (model, user_code) WHERE user_code IS NOT NULL;
      CREATE INDEX IF NOT EXISTS entry_expiry ON entry (expires_at) WHERE expires_at IS NOT NULL;
      PRAGMA user_version = ${FORMAT};
    `);
    const alive = '(expires_at IS NULL OR expires_at > :now)';
    const prepare = (sql) => this.#database.prepare(sql);
    this.#statements = {
      upsert: prepare(`INSERT OR REPLACE INTO entry VALUES
        (:model, :id, :payload, :expires_at, :grant_id, :uid, :user_code)`),
      find: prepare(`SELECT payload FROM entry WHERE model = :model AND id = :key AND ${alive}`),
      findByUid: prepare(
        `SELECT payload FROM entry WHERE model = :model AND uid = :key AND ${alive}`,
      ),
      findByUserCode: prepare(
        `SELECT payload FROM entry WHERE model = :model AND user_code = :key AND ${alive}`,
      ),
      consume: prepare(`UPDATE entry SET payload = json_set(payload, '$.consumed', :now)
        WHERE model = :model AND id = :key`),
      destroy: prepare('DELETE FROM entry WHERE model = :model AND id = :key'),
      revoke: prepare('DELETE FROM entry WHERE model = :model AND grant_id = :key'),
      sweep: prepare('DELETE FROM entry WHERE expires_at <= :now'),
      ping: prepare('SELECT count(*) AS n FROM entry WHERE model = :key'),
    };
    this.sweep();
    this.#sweeper = setInterval(() => this.sweep(), SWEEP_INTERVAL_MS).unref();
  }

  sweep() {
    this.#statements.sweep.run({ now: now() });
  }

  // Throws when the database cannot be read.
  ping() {
    this.#statements.ping.get({ key: 'Session' });
  }

  close() {
    clearInterval(this.#sweeper);
    this.#database.close();
  }

  // The adapter oidc-provider asks for, one a model.
  adapter(model) {
    const statements = this.#statements;
    const read = (statement, key) => {
      const row = statement.get({ model, key, now: now() });
      return row && JSON.parse(row.payload);
    };
    return {
      async upsert(id, payload, expiresInS) {
        statements.upsert.run({
          model,
          id,
          payload: JSON.stringify(payload),
          expires_at: expiresInS ? now() + expiresInS : null,
          grant_id: (GRANTABLE.has(model) && payload.grantId) || null,
          uid: (model === 'Session' && payload.uid) || null,
          user_code: payload.userCode ?? null,
        });
      },
      find: async (id) => read(statements.find, id),
      findByUid: async (uid) => read(statements.findByUid, uid),
      findByUserCode: async (code) => read(statements.findByUserCode, code),
      async consume(id) { statements.consume.run({ model, key: id, now: now() }); },
      async destroy(id) { statements.destroy.run({ model, key: id }); },
      async revokeByGrantId(grantId) { statements.revoke.run({ model, key: grantId }); },
    };
  }
}
