import theme from "vitepress/theme-without-fonts";
import "virtual:panel.css";
import "./style.css";

export default theme;
