// For mongosh, as root on the one member: makes the replica set and the service's user. What is done
// already stays as it is, but for the password.
try {
  rs.status();
} catch (error) {
  if (error.codeName !== "NotYetInitialized") throw error;
  rs.initiate({ _id: "rs0", members: [{ _id: 0, host: process.env.MONGODB_HOST }] });
}
while (!db.hello().isWritablePrimary) sleep(200);

const store = db.getSiblingDB("switchhook");
const user = {
  pwd: process.env.MONGODB_SWITCHHOOK_PASSWORD,
  // dbAdmin: to change for how long attempts are kept (attempts.retention_days).
  roles: ["readWrite", "dbAdmin"].map((role) => ({ role, db: "switchhook" })),
};
if (store.getUser("switchhook")) store.updateUser("switchhook", user);
else store.createUser({ user: "switchhook", ...user });
