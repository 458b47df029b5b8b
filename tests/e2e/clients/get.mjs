// get URL: a page by Node's fetch; says how long that took without its own start.
const start = Date.now();
try {
    process.stdout.write(await (await fetch(process.argv[2])).text());
} catch (error) {
    console.error(error, error.cause);
    console.error(`took ${Date.now() - start}`);
    process.exit(1);
}
