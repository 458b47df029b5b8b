/** Get URL: a page, as Java fetches it; says how long that took without its own start. */
public class Get {
    public static void main(String[] arguments) throws Exception {
        long start = System.nanoTime();
        try (java.io.InputStream in = new java.net.URL(arguments[0]).openStream()) {
            System.out.write(in.readAllBytes());
            System.out.flush();
        } catch (java.io.IOException e) {
            System.err.println(e);
            System.err.println("took " + (System.nanoTime() - start) / 1000000);
            System.exit(1);
        }
    }
}
