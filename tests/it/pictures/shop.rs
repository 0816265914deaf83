//! The demonstration's own pages: they carry the widget, and are the first that anyone sees.

use anyhow::Result;
use testkit::driver::Driver;
use testkit::house::House;
use testkit::visitor::Visitor;

use super::{fits, in_the_dark, sized};

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstrations_pages_in_their_states() -> Result<()> {
    let mut house = House::start().await?;
    let driver = Driver::start().await?;
    let shop = house.plan().shop_origin();
    for (name, address) in [
        ("shop-bank", shop.clone()),
        ("shop-clinic", format!("{shop}/clinic")),
    ] {
        let visitor = Visitor::arrive(&driver, name, &address).await?;
        let page = &visitor.browser;
        page.whole_picture("wide").await?;
        fits(page, name).await?;
        in_the_dark(page, "dark").await?;
        page.size(320, 640).await?;
        page.whole_picture("narrow-whole").await?;
        sized(page, 320, 640, "narrow").await?;
        sized(page, 640, 410, "zoomed").await?;
    }
    house.stop().await
}
